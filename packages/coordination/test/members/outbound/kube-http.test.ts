import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { KubeHttp, serviceAccountEndpoint } from '../../../src/members/outbound/kube-http.ts';

const signal = new AbortController().signal;

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<KubeHttp> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const api = new KubeHttp({
    url: new URL(`http://127.0.0.1:${port}`),
    token: () => Promise.resolve('secret-token'),
  });
  onTestFinished(() => api.close());
  return api;
}

test('lists pods of a namespace with the token', async () => {
  const seen: unknown[] = [];
  const api = await serve((request, response) => {
    seen.push(request.url, request.headers.authorization);
    response.end(
      JSON.stringify({ items: [{ metadata: { name: 'a' } }], metadata: { resourceVersion: '5' } }),
    );
  });
  const resource = { kind: 'pods', namespace: 'gantry', labelSelector: 'app=x' } as const;
  expect(await api.list(resource, signal)).toEqual({
    items: [{ metadata: { name: 'a' } }],
    resourceVersion: '5',
  });
  expect(seen).toEqual(['/api/v1/namespaces/gantry/pods?labelSelector=app%3Dx', 'Bearer secret-token']);
});

test('a watch gives events as they come, over any cut of the bytes', async () => {
  const api = await serve((request, response) => {
    expect(request.url).toContain('watch=true');
    expect(request.url).toContain('resourceVersion=5');
    response.write('{"type":"ADDED","obj');
    response.write('ect":{"a":1}}\n{"type":"DELETED","object":{}}\n');
    response.end();
  });
  const events: unknown[] = [];
  for await (const event of api.watch({ kind: 'nodes' }, '5', signal)) events.push(event);
  expect(events).toEqual([
    { type: 'ADDED', object: { a: 1 } },
    { type: 'DELETED', object: {} },
  ]);
});

test('annotations are merged into the pod', async () => {
  const seen: unknown[] = [];
  const api = await serve((request, response, body) => {
    seen.push(request.method, request.url, request.headers['content-type'], JSON.parse(body));
    response.end('{}');
  });
  await api.annotatePod('gantry', 'pod-1', { 'gantry.io/peer-id': 'P' }, signal);
  expect(seen).toEqual([
    'PATCH',
    '/api/v1/namespaces/gantry/pods/pod-1',
    'application/merge-patch+json',
    { metadata: { annotations: { 'gantry.io/peer-id': 'P' } } },
  ]);
});

test('a refusal is an error without the token', async () => {
  const api = await serve((_, response) => {
    response.statusCode = 403;
    response.end('secret-token is not allowed to');
  });
  const error: unknown = await api.list({ kind: 'nodes' }, signal).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'MEMBERS_INVALID', details: { status: 403 } });
  expect(JSON.stringify(error)).not.toContain('secret');
});

test('outside of a cluster there is no service account', async () => {
  await expect(serviceAccountEndpoint({})).rejects.toMatchObject({ code: 'MEMBERS_INVALID' });
});
