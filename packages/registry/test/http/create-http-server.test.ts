import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_HTTP_BODY_BYTES } from '../../src/http/index.ts';
import { ADMIN_TOKEN, httpFixture } from './fixture.ts';

const headers = { 'x-admin-token': ADMIN_TOKEN, 'content-type': 'application/json' };

describe('every answer', () => {
  test.each(['/healthz', '/api/breakers', '/metrics', '/nothing'])(
    'of %s has the security headers',
    async (url) => {
      const { app } = await httpFixture();
      const response = await app.inject({ url, headers: { host: 'evil.example' } });
      expect(response.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(response.headers).not.toHaveProperty('server');
      expect(response.headers).not.toHaveProperty('x-powered-by');
      expect(response.headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  test.each([
    ['GET', '/api/users'],
    ['GET', '/debug/pprof/'],
    ['POST', '/healthz'],
    ['GET', '/api/breakers/registry.punch'],
    ['GET', '/%'],
  ] as const)('%s %s is not found', async (method, url) => {
    const { app } = await httpFixture();
    const response = await app.inject({ method, url });
    expect([400, 404]).toContain(response.statusCode);
    expect(response.json()).toEqual({
      error: expect.any(String),
      code: response.statusCode === 404 ? 'not_found' : 'bad_request',
    });
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('bodies', () => {
  const put = async (payload: string, type = 'application/json') => {
    const { app } = await httpFixture();
    return app.inject({
      method: 'PUT',
      url: '/api/breakers/registry.punch',
      headers: { ...headers, 'content-type': type },
      payload,
    });
  };

  test.each([
    ['{', 'application/json', 400, 'bad_request'],
    ['', 'application/json', 400, 'bad_request'],
    ['{"__proto__": {"state": "open"}}', 'application/json', 400, 'bad_request'],
    ['{"state": "open"}', 'text/plain', 415, 'bad_request'],
    [`{"state": "${'x'.repeat(MAX_HTTP_BODY_BYTES)}"}`, 'application/json', 413, 'body_too_large'],
  ])('%.40s as %s answer %d', async (payload, type, status, code) => {
    const response = await put(payload, type);
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ code });
  });
});

test('the interface describes itself', async () => {
  const { app } = await httpFixture();
  const document = (await app.inject('/openapi.json')).json() as {
    openapi: string;
    paths: Record<string, Record<string, { summary?: string; security?: unknown }>>;
  };
  expect(document.openapi).toBe('3.1.0');
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => {
      expect(summary).toMatch(/./);
      return `${method.toUpperCase()} ${path}`;
    }),
  );
  expect(described.filter((line) => !line.startsWith('HEAD')).sort()).toEqual([
    'DELETE /api/admin/nodes/{id}/signature-ratchet',
    'DELETE /api/breakers/{name}',
    'GET /api/admin/whitelist',
    'GET /api/breakers',
    'GET /api/durability',
    'GET /api/events',
    'GET /api/health',
    'GET /api/nodes',
    'GET /api/nodes/seen',
    'GET /api/runtime',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'POST /api/breakers/{name}',
    'POST /api/snapshot',
    'PUT /api/admin/whitelist',
    'PUT /api/breakers/{name}',
  ]);
  expect(document.paths['/api/breakers']?.['get']?.security).toEqual([{ adminToken: [] }]);
  expect(document.paths['/healthz']?.['get']?.security).toBeUndefined();
});

describe('a real listener', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function listening() {
    const fixture = await httpFixture();
    const address = await fixture.server.listen({ host: '127.0.0.1', port: 0 });
    cleanups.push(() => fixture.server.close());
    return { ...fixture, address, url: `http://127.0.0.1:${address.port}` };
  }

  async function raw(address: AddressInfo): Promise<Socket> {
    const socket = connect(address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    cleanups.push(async () => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  test('answers while the registry is starting, and a local scraper', async () => {
    const { url, state } = await listening();
    state.health = {
      status: 'starting',
      version: '1.0',
      serverVersion: '0.1.0',
      uptimeSeconds: 0,
      nodesOnline: 0,
    };
    state.notReady = 'starting';
    const health = await fetch(`${url}/healthz`);
    expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([200, 'starting']);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('pilot_nodes_online 3');
    expect((await fetch(`${url}/api/breakers`, { headers: { 'x-admin-token': ADMIN_TOKEN } })).status).toBe(
      200,
    );
  });

  test.each([
    ['what is not HTTP', 'HELLO\r\n\r\n', 400],
    ['an endless header', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('answers %s shortly and closes', async (_what, bytes, status) => {
    const { address } = await listening();
    const socket = await raw(address);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(bytes);
    await once(socket, 'close');
    const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(body)).toEqual({ error: expect.any(String), code: 'bad_request' });
  });

  test('bounds headers, requests and connections', async () => {
    const { app } = await listening();
    expect(app.server).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      maxConnections: 1_024,
    });
  });

  test('closes, also with an idle connection open', async () => {
    const { server, address, url } = await listening();
    await (await fetch(`${url}/healthz`)).text();
    const idle = await raw(address);
    const closed = once(idle, 'close');
    await server.close();
    idle.destroy();
    await closed;
    await expect(fetch(`${url}/healthz`)).rejects.toThrowError();
  });
});
