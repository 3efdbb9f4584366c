import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { recordingLogger } from '@muster/core';
import { afterEach, describe, expect, test } from 'vitest';
import { discoveryErrors } from '../../src/errors.ts';
import { StatusServer, type StatusSource, STATUS_ROUTES } from '../../src/http/index.ts';
import { MAX_EVENT_STREAMS, MAX_QUERIES } from '../../src/http/limits.ts';
import {
  foundPeer,
  INDEXER,
  indexerStatus,
  nodeRecord,
  searchOf,
  SELF,
  statusSource,
  storedPeer,
} from '../support/status-source.ts';

const running = new Set<StatusServer>();
afterEach(async () => {
  for (const server of running) await server.close();
  running.clear();
});

interface Running {
  readonly server: StatusServer;
  readonly source: StatusSource;
  readonly port: number;
  readonly url: string;
}

async function start(changes: Partial<StatusSource> = {}): Promise<Running> {
  const source = statusSource(changes);
  const server = new StatusServer(source);
  running.add(server);
  const { host, port } = await server.listen(0);
  expect(host).toBe('127.0.0.1');
  return { server, source, port, url: `http://127.0.0.1:${port}` };
}

async function json(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A request with headers that fetch does not allow. */
async function raw(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<{ status: number; text: string }> {
  const request = httpRequest({ host: '127.0.0.1', port, path, method, headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
}

/** Reads the body of an answer piece by piece. */
function textOf(response: Response): { next(): Promise<string | undefined>; cancel(): Promise<void> } {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? undefined : decoder.decode(value, { stream: true });
    },
    cancel: async () => await reader.cancel(),
  };
}

describe('what is shown', () => {
  test('status, pool, score, bans, searches', async () => {
    const { url } = await start();
    expect((await json(`${url}/status`)).body).toMatchObject({
      version: '1.2.3',
      roles: ['node'],
      peer_id: SELF,
      did: null,
      addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${SELF}`],
      ready: true,
      not_ready_because: [],
      pool: { size: 1, healthy: 1, max: 5 },
      indexer: null,
      dht: { mode: 'client', started: true, routing_table: 3 },
    });
    expect((await json(`${url}/pool`)).body).toMatchObject({
      entries: [{ peer_id: INDEXER, score: 100, healthy: true, referent: true, rtt_ms: 12 }],
    });
    expect((await json(`${url}/scores/${INDEXER}`)).body).toMatchObject({ score: 100, base: 100 });
    expect((await json(`${url}/bans`)).body).toEqual({
      banned: [],
      quarantined: [],
      blacklisted: [{ peer_id: 'bad', did: 'did', name: 'bad' }],
    });
    expect((await json(`${url}/searches`)).body).toEqual({ running: [], ended: [] });
  });

  test('the nodes of an indexer, up to the limit that is asked for', async () => {
    const indexer = indexerStatus([nodeRecord('a'), nodeRecord('b'), nodeRecord('c')]);
    const { url } = await start({ indexer });
    const { body } = await json(`${url}/indexer?limit=2`);
    expect(body).toMatchObject({ records: 3, max_nodes: 500, fill_rate: 0.006, bans: 1, referenced: 2 });
    expect(body['nodes']).toHaveLength(2);
    expect((await json(`${url}/bans`)).body).toMatchObject({
      banned: [{ peer_id: SELF, remaining_seconds: 2 }],
    });
    for (const limit of ['-1', '1e3', '10001', 'all']) {
      expect(await json(`${url}/indexer?limit=${limit}`)).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    }
  });

  test('what is not there', async () => {
    const { url } = await start();
    expect(await json(`${url}/indexer`)).toMatchObject({ status: 404, body: { code: 'not_indexer' } });
    expect(await json(`${url}/scores/${SELF}`)).toMatchObject({ status: 404, body: { code: 'not_in_pool' } });
    for (const path of ['/', '/scores/', '/scores/a/b', '/status/', '/__proto__']) {
      expect(await json(url + path), path).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
  });

  test('health, readiness and metrics', async () => {
    const ready = await start();
    expect(await json(`${ready.url}/healthz`)).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await json(`${ready.url}/readyz`)).toEqual({ status: 200, body: { ready: true } });
    const metrics = await fetch(`${ready.url}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('version=0.0.4');
    expect(await metrics.text()).toBe('oc_ready 1\n');
    const isolated = await start({ isReady: false });
    expect(await json(`${isolated.url}/readyz`)).toEqual({
      status: 503,
      body: { ready: false, reasons: ['no healthy indexer'] },
    });
  });

  test('a peer that was looked up, or why it was not found', async () => {
    const { url } = await start({
      lookup: async (peer) => {
        if (peer === 'gone') throw discoveryErrors.create('PEER_OFFLINE', 'its record has expired');
        if (peer === 'lost') throw discoveryErrors.create('NO_INDEXER', 'nobody to ask');
        return storedPeer(peer);
      },
    });
    expect((await json(`${url}/peers/${INDEXER}`)).body).toMatchObject({
      peer_id: INDEXER,
      did: 'd',
      relation: 'partner',
      verified: true,
      record: null,
    });
    expect(await json(`${url}/peers/gone`)).toMatchObject({ status: 404, body: { code: 'PEER_OFFLINE' } });
    expect(await json(`${url}/peers/lost`)).toMatchObject({ status: 503, body: { code: 'NO_INDEXER' } });
    expect(await json(`${url}/peers/${'x'.repeat(257)}`)).toMatchObject({ status: 400 });
  });

  test('an inner error is logged, and says nothing to the caller', async () => {
    const logger = recordingLogger();
    const { context } = statusSource();
    const { url } = await start({
      context: { ...context, logger },
      renderMetrics: async () => await Promise.reject(new Error('secret path')),
    });
    expect(await json(`${url}/metrics`)).toEqual({
      status: 500,
      body: { error: 'internal error', code: 'internal' },
    });
    expect(logger.entries).toHaveLength(1);
  });
});

describe('who may ask', () => {
  test.each([
    ['a name that points here', { host: 'evil.example' }, 'host_not_allowed'],
    ['another address', { host: '192.0.2.1:80' }, 'host_not_allowed'],
    ['a page of another site', { origin: 'http://evil.example' }, 'cross_origin'],
    ['a picture of another site', { 'sec-fetch-site': 'cross-site' }, 'cross_origin'],
    ['a proxy', { 'x-forwarded-for': '192.0.2.1' }, 'local_only'],
  ])('not %s', async (_, headers, code) => {
    const { port } = await start();
    for (const { path } of STATUS_ROUTES) {
      const { status, text } = await raw(port, path, headers);
      expect(status, path).toBeGreaterThanOrEqual(400);
      expect(JSON.parse(text)).toMatchObject({ code });
    }
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '127.1.2.3:9', '[::1]:9'])('as %s', async (host) => {
    const { port } = await start();
    expect((await raw(port, '/healthz', { host })).status).toBe(200);
  });

  test('only with GET and HEAD', async () => {
    const { port } = await start();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await raw(port, '/status', {}, method)).status, method).toBe(405);
    }
    expect(await raw(port, '/status', {}, 'HEAD')).toEqual({ status: 200, text: '' });
    for (const path of ['/events', '/search?name=alpha']) {
      expect((await raw(port, path, {}, 'HEAD')).status, path).toBe(405);
    }
  });

  test('without a body', async () => {
    const { port } = await start();
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path: '/status',
      headers: { 'content-length': 2 },
    });
    request.end('{}');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(400);
  });

  test('in bounded words', async () => {
    const { port } = await start();
    expect((await raw(port, `/status?${'x'.repeat(1_100)}`)).status).toBe(400);
    expect((await raw(port, '/%E0%A4%A')).status).toBe(400);
    expect((await raw(port, '/status', { 'x-long': 'x'.repeat(9_000) })).status).toBe(431);
    const socket = connect(port, '127.0.0.1');
    socket.end('\u0000\u0001 nonsense\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toContain('400 Bad Request');
    expect((await raw(port, '/healthz')).status).toBe(200);
  });
});

describe('search', () => {
  test('sends hits as they come, then the end', async () => {
    const waiting = Promise.withResolvers<void>();
    const { url } = await start({
      search: searchOf(async function* (needle) {
        yield foundPeer('a', needle);
        await waiting.promise;
        yield foundPeer('b', needle);
      }),
    });
    const response = await fetch(`${url}/search?name=alpha`);
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const reader = textOf(response);
    const first = (await reader.next()) ?? '';
    expect(JSON.parse(first)).toMatchObject({ hit: { peer_id: 'a', name: 'alpha' } });
    waiting.resolve();
    let rest = '';
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) rest += next;
    const lines = rest
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      { hit: expect.objectContaining({ peer_id: 'b' }) },
      { end: { reason: 'complete', hits: 2, ms: 1 } },
    ]);
  });

  test('ends when the caller goes', async () => {
    const ended = Promise.withResolvers<void>();
    const { url } = await start({
      search: searchOf(async function* (_, signal) {
        try {
          yield foundPeer('a');
          await once(signal, 'abort');
        } finally {
          ended.resolve();
        }
      }),
    });
    const calling = new AbortController();
    const response = await fetch(`${url}/search?name=alpha`, { signal: calling.signal });
    await response.body?.getReader().read();
    calling.abort();
    await ended.promise;
  });

  test('says why nobody could be asked, and why it has ended', async () => {
    const nobody = await start({ search: searchOf(async function* () {}, 'no-indexer') });
    expect(await json(`${nobody.url}/search?name=alpha`)).toMatchObject({
      status: 503,
      body: { code: 'NO_INDEXER' },
    });
    const broken = await start({
      search: searchOf(async function* () {
        yield foundPeer('a');
      }, 'broken'),
    });
    const text = await (await fetch(`${broken.url}/search?name=alpha`)).text();
    expect(JSON.parse(text.trim().split('\n')[1] ?? '')).toEqual({
      end: { reason: 'broken', hits: 1, ms: 1 },
    });
  });

  test('asks for something to look for', async () => {
    const { url } = await start();
    for (const query of ['', '?name=', '?name=%20', '?name=a', `?name=${'x'.repeat(257)}`]) {
      expect(await json(`${url}/search${query}`), query).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    }
  });

  test('takes a bounded number at once', async () => {
    const { url, source } = await start({
      search: searchOf(async function* (_, signal) {
        yield foundPeer('a');
        await once(signal, 'abort');
      }),
    });
    const calling = new AbortController();
    const held: Response[] = [];
    for (let query = 0; query < MAX_QUERIES; query += 1) {
      held.push(await fetch(`${url}/search?name=alpha`, { signal: calling.signal }));
    }
    for (const path of ['/search?name=alpha', '/peers/a']) {
      expect(await json(url + path)).toMatchObject({ status: 429, body: { code: 'too_many' } });
    }
    expect((await json(`${url}/status`)).body).toMatchObject({ name: source.name });
    expect(held.every(({ status }) => status === 200)).toBe(true);
    calling.abort();
    await expect.poll(async () => (await json(`${url}/peers/a`)).status).toBe(200);
  });
});

describe('stopping', () => {
  test('ends streams and searches, and leaves no connection open', async () => {
    let searching = 0;
    const { server, url } = await start({
      search: searchOf(async function* (_, signal) {
        searching += 1;
        yield foundPeer('a');
        await once(signal, 'abort');
        searching -= 1;
      }),
    });
    const events = await fetch(`${url}/events`);
    const search = await fetch(`${url}/search?name=alpha`);
    await server.close();
    await Promise.allSettled([events.text(), search.text()]);
    expect(searching).toBe(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('a port that somebody has is refused', async () => {
    const { port } = await start();
    const second = new StatusServer(statusSource());
    await expect(second.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
  });
});

test('event streams are bounded in number', async () => {
  const { url } = await start();
  // An answer that nobody holds is cancelled by the garbage collector.
  const held: Response[] = [];
  for (let stream = 0; stream < MAX_EVENT_STREAMS; stream += 1) held.push(await fetch(`${url}/events`));
  expect(await json(`${url}/events`)).toMatchObject({ status: 429, body: { code: 'too_many' } });
  expect(held.every(({ status }) => status === 200)).toBe(true);
});

test('events come with ids, and are resumed after the last one that was read', async () => {
  const { url, source } = await start();
  const { events } = source.context;
  const response = await fetch(`${url}/events?topics=pool.*`);
  const reader = textOf(response);
  let text = '';
  const readUntil = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) text += (await reader.next()) ?? '';
  };
  await readUntil('retry: 2000');
  events.publish('witness.served', { peer: INDEXER });
  events.publish('pool.discharged', { peer: INDEXER });
  await readUntil('pool.discharged');
  expect(text).toMatch(/id: \w+-2\nevent: pool\.discharged\ndata: \{"at":\d+,"peer":"12D3/);
  expect(text).not.toContain('witness');
  await reader.cancel();
  events.publish('pool.discharged', { peer: SELF });
  const id = /id: (\w+-2)/.exec(text)?.[1] ?? '';
  const again = await fetch(`${url}/events`, { headers: { 'last-event-id': id } });
  const resumed = textOf(again);
  text = '';
  while (!text.includes('data:')) text += (await resumed.next()) ?? '';
  expect(text).toContain(`-3\nevent: pool.discharged\ndata: `);
  expect(text).toContain(SELF);
  await resumed.cancel();
});
