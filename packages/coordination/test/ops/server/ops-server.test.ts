import { type IncomingMessage, request } from 'node:http';
import { recordingLogger, systemTimers } from '@muster/core';
import { expect, onTestFinished, test } from 'vitest';
import { OpsServer, type OpsSource } from '../../../src/ops/server/ops-server.ts';
import { MAX_PULL_READERS, type PullsReport } from '../../../src/ops/server/pull-stream.ts';
import { testDigest } from '../../support/vectors.ts';

const REPORT: PullsReport = {
  node: 'mirror-1',
  peerId: 'peer-1',
  totals: { originBytes: 0, peerBytes: 0, cacheBytes: 0, sentBytes: 0 },
  store: { objects: 0, usedBytes: 0, budgetBytes: 1 },
  pulls: [],
};

async function start(source: Partial<OpsSource> = {}): Promise<string> {
  const server = new OpsServer({
    host: '127.0.0.1',
    port: 0,
    source: {
      readiness: () => ({ reason: undefined, warning: undefined }),
      metrics: async () => 'p2p_cache_hit_total 0\n',
      debugState: (digest) => ({ digest: digest ?? null }),
      pulls: { report: () => REPORT, changes: () => REPORT },
      ...source,
    },
    timers: systemTimers,
    logger: recordingLogger(),
  });
  onTestFinished(() => server.close());
  const { port } = await server.listen();
  return `http://127.0.0.1:${port}`;
}

async function get(url: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
}

test('a ready agent', async () => {
  const base = await start();
  expect(await get(`${base}/livez`)).toEqual([200, 'ok']);
  expect(await get(`${base}/readyz`)).toEqual([200, 'ready']);
  expect(await get(`${base}/healthz`)).toEqual([200, 'ok']);
  expect(await get(`${base}/metrics`)).toEqual([200, 'p2p_cache_hit_total 0\n']);
  expect((await get(`${base}/other`))[0]).toBe(404);
  expect((await get(`${base}/readyz`, { method: 'POST' }))[0]).toBe(405);
  expect(await get(`${base}/readyz`, { method: 'HEAD' })).toEqual([200, '']);
});

test('one that is not ready is alive, and says why it is not', async () => {
  const base = await start({ readiness: () => ({ reason: 'dht routing table empty', warning: undefined }) });
  expect(await get(`${base}/livez`)).toEqual([200, 'ok']);
  expect(await get(`${base}/readyz`)).toEqual([503, 'dht routing table empty']);
  expect(await get(`${base}/healthz`)).toEqual([503, 'dht routing table empty']);
});

test('the state of the agent, for a digest when one is given', async () => {
  const base = await start();
  expect(JSON.parse((await get(`${base}/debug/state`))[1])).toEqual({ digest: null });
  const [status, body] = await get(`${base}/debug/state?digest=${testDigest(1)}`);
  expect([status, JSON.parse(body)]).toEqual([200, { digest: testDigest(1) }]);
  expect((await get(`${base}/debug/state?digest=sha256:x`))[0]).toBe(400);
});

test('the pulls, at once and as they go on', async () => {
  let totals = REPORT.totals;
  const base = await start({
    pulls: { report: () => REPORT, changes: () => ({ ...REPORT, totals }) },
  });
  expect(JSON.parse((await get(`${base}/pulls`))[1])).toEqual(REPORT);
  const ends = new AbortController();
  const response = await fetch(`${base}/events`, { signal: ends.signal });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  totals = { ...totals, originBytes: 5 };
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('event: changes')) break;
  }
  ends.abort();
  expect(text).toContain(`event: pulls\ndata: ${JSON.stringify(REPORT)}\n\n`);
  expect(text).toContain('"originBytes":5');
});

test('a bounded number of readers of events', async () => {
  const base = await start();
  const readers = await Promise.all(
    Array.from({ length: MAX_PULL_READERS }, async () => openEvents(`${base}/events`)),
  );
  expect(readers.map(({ statusCode }) => statusCode)).toEqual(readers.map(() => 200));
  expect((await get(`${base}/events`))[0]).toBe(503);
});

/** An answer of which nobody takes more than the head, until the test ends. */
async function openEvents(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, resolve).on('error', reject).end();
    onTestFinished(() => void asked.destroy());
  });
}

test.each(['/debug/state', '/pulls', '/events'])('%s is not for pages of other sites', async (path) => {
  const base = new URL(await start());
  const status = await new Promise<number>((resolve, reject) => {
    request({ host: base.hostname, port: base.port, path, headers: { host: 'evil.example' } }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});

test('a failure is an answer without its text', async () => {
  const base = await start({
    metrics: async () => {
      throw new Error('secret');
    },
  });
  expect(await get(`${base}/metrics`)).toEqual([500, 'internal error']);
});
