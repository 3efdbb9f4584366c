import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { systemClock, systemTimers } from '@muster/core';
import { afterEach, expect, test } from 'vitest';
import { ControlClient } from '../../../src/demos/adapters/control-client.ts';
import { takeDemoLock } from '../../../src/demos/adapters/demo-lock.ts';
import { HttpOrigin } from '../../../src/demos/adapters/http-origin.ts';
import { StatusScores } from '../../../src/demos/adapters/status-scores.ts';
import type { FleetFile, FleetMember } from '../../../src/fleet/fleet-file.ts';
import { ImageLayout } from '../../../src/fleet/origin/layout.ts';
import { OriginServer } from '../../../src/fleet/origin/origin-server.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const servers = new Set<Server>();

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
});

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Answers each request as it is told, and remembers it. Resolves with `host:port`. */
async function serve(
  answer: (seen: Seen) => { readonly status: number; readonly body: unknown },
): Promise<{ readonly address: string; readonly seen: readonly Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const each = {
        method,
        url,
        authorization: headers.authorization,
        body: Buffer.concat(chunks).toString(),
      };
      seen.push(each);
      const { status, body } = answer(each);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  servers.add(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function tokenFile(): Promise<string> {
  const path = folder.path('control-token');
  await writeFile(path, 'secret\n', { mode: 0o600 });
  return path;
}

test('the control address is asked with the token, and for what its contract says', async () => {
  const { address, seen } = await serve(() => ({ status: 200, body: { name: 'x' } }));
  const control = { url: `http://${address}`, tokenFile: await tokenFile() };
  const client = await ControlClient.open({ control });
  await client.add({ role: 'indexer', misbehave: 'lie' });
  await client.kill('registry');
  await client.restart('registry');
  await client.resume('alpha');
  await client.remove('indexer-3');
  await client.cut([['a'], ['b']]);
  await client.heal();
  expect(await client.fleet()).toEqual({ name: 'x' });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST /members',
    'POST /members/registry/kill',
    'POST /members/registry/restart',
    'POST /members/alpha/resume',
    'DELETE /members/indexer-3',
    'POST /cut',
    'DELETE /cut',
    'GET /fleet',
  ]);
  expect(seen.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
  expect(seen.map(({ body }) => body).filter((body) => body !== '')).toEqual([
    '{"role":"indexer","misbehave":"lie"}',
    '{"groups":[["a"],["b"]]}',
  ]);
});

test('a control address that refuses, or is not there, is told so', async () => {
  const { address } = await serve(({ url }) =>
    url === '/fleet'
      ? { status: 401, body: { error: { code: 'CONTROL_UNAUTHORIZED', message: 'no' } } }
      : { status: 409, body: { error: { code: 'FLEET_MEMBER_STATE', message: 'it is dead' } } },
  );
  const token = await tokenFile();
  const client = await ControlClient.open({ control: { url: `http://${address}`, tokenFile: token } });
  await expect(client.fleet()).rejects.toMatchObject({ code: 'CONTROL_UNAUTHORIZED' });
  await expect(client.kill('alpha')).rejects.toMatchObject({
    code: 'CONTROL_REFUSED',
    message: expect.stringContaining('it is dead') as string,
  });
  const nobody = await ControlClient.open({ control: { url: 'http://127.0.0.1:1', tokenFile: token } });
  await expect(nobody.fleet()).rejects.toMatchObject({ code: 'CONTROL_UNREACHABLE' });
});

test('images are made at a real origin, each another one, and reads of them are counted', async () => {
  const parts = { host: '127.0.0.1', port: 0, token: 'secret', bytesPerSecond: 0 };
  const layout = new ImageLayout(folder.path());
  const server = await OriginServer.start({ ...parts, layout, clock: systemClock, timers: systemTimers });
  try {
    const url = `http://${server.address}`;
    const control = { url: '', tokenFile: await tokenFile() };
    const origin = new HttpOrigin({ control, origin: { url } as FleetFile['origin'] });
    const [first, second] = [await origin.makeImage('one'), await origin.makeImage('one')];
    // Manifest, configuration, four layers.
    expect(first.objects).toHaveLength(6);
    expect(first.objects[0]?.digest).toBe(first.digest);
    const digests = [...first.objects, ...second.objects].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(12);
    const [, , layer] = first.objects;
    const blob = `${url}/v2/${first.repository}/blobs/${layer?.digest}`;
    expect((await (await fetch(blob)).arrayBuffer()).byteLength).toBe(layer?.bytes);
    const { reads } = await origin.counts();
    expect(reads.get(layer?.digest ?? '')).toEqual({ reads: 1, bytes: layer?.bytes, mostAtOnce: 1 });
  } finally {
    await server.stop();
  }
});

test('pools and scores are read from status endpoints', async () => {
  const { address } = await serve(({ url }) => {
    if (url === '/pool') {
      return {
        status: 200,
        body: {
          entries: [{ peer_id: 'a', healthy: true, score: null }],
          quarantined: [{ peer_id: 'b', evidence: 'lies', remaining_seconds: 5 }],
        },
      };
    }
    if (url === '/scores/a') return { status: 200, body: { score: 50, minimumScore: 20, terms: [] } };
    return url === '/scores/b' ? { status: 404, body: {} } : { status: 500, body: {} };
  });
  const member = { name: 'alpha', role: 'node', state: 'running', status: address } satisfies FleetMember;
  const scores = new StatusScores();
  expect(await scores.pool(member)).toEqual({
    member: 'alpha',
    entries: [{ peerId: 'a', isHealthy: true, score: undefined }],
    convicted: [{ peerId: 'b', evidence: 'lies' }],
  });
  expect(await scores.score(member, 'a')).toMatchObject({ score: 50, minimumScore: 20 });
  expect(await scores.score(member, 'b')).toBeUndefined();
  await expect(scores.score(member, 'c')).rejects.toMatchObject({ code: 'CONTROL_REFUSED' });
});

test('one demo at a time', async () => {
  const path = folder.path('demo.lock');
  const lock = await takeDemoLock(path);
  await expect(takeDemoLock(path)).rejects.toMatchObject({ code: 'DEMO_RUNNING' });
  lock.release();
  lock.release();
  (await takeDemoLock(path)).release();
});
