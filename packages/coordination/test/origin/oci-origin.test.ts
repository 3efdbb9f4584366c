import { describe, expect, it } from 'vitest';
import { originFailureOf } from '../../src/origin/failure.ts';
import { MANIFEST_ACCEPT } from '../../src/origin/oci-origin.ts';
import type { Digest } from '../../src/types.ts';
import {
  adapterOf,
  blob,
  failure,
  MANIFEST_TYPE,
  NEVER,
  readAll,
  serveOrigin,
} from '../support/origin-fixture.ts';
import type { Fault } from '../../../../benchmarks/coordination/lab/origin-server.ts';

describe('OciOrigin', () => {
  it('reads blobs and manifests with their sizes and types, and with the headers of a registry client', async () => {
    const server = await serveOrigin();
    const { origin, published } = adapterOf(server);
    const layer = blob(200_000);
    const digest = server.add(layer);
    const manifest = server.add(Buffer.from('{"layers":[]}'), `${MANIFEST_TYPE}; charset=utf-8`);

    const opened = await origin.open('lib/n', digest, 'blob', 0, NEVER);
    expect([opened.size, opened.offset, opened.mediaType]).toEqual([200_000, 0, 'application/octet-stream']);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    const other = await origin.open('lib/n', manifest, 'manifest', 0, NEVER);
    expect([other.size, other.mediaType]).toEqual([13, MANIFEST_TYPE]);
    expect((await readAll(other.body)).toString()).toBe('{"layers":[]}');

    const [first, second] = server.seen;
    expect(first).toMatchObject({ method: 'GET', url: `/v2/lib/n/blobs/${digest}` });
    expect(first?.headers).toMatchObject({ accept: '*/*', 'user-agent': 'muster/0.0.0-test' });
    expect(second).toMatchObject({
      url: `/v2/lib/n/manifests/${manifest}`,
      headers: { accept: MANIFEST_ACCEPT },
    });
    expect(bytesOf(published, 'blob')).toBe(200_000);
    expect(bytesOf(published, 'manifest')).toBe(13);
  });

  it('opens at an offset, whether the registry knows ranges or not', async () => {
    for (const hasRanges of [true, false]) {
      const server = await serveOrigin({ hasRanges });
      const { origin, published } = adapterOf(server);
      const layer = blob(150_000);
      const opened = await origin.open('r', server.add(layer), 'blob', 100_000, NEVER);
      expect([opened.size, opened.offset]).toEqual([150_000, 100_000]);
      expect((await readAll(opened.body)).equals(layer.subarray(100_000))).toBe(true);
      expect(bytesOf(published, 'blob')).toBe(hasRanges ? 50_000 : 150_000);
    }
  });

  it('tells size and type by HEAD, which counts as HEAD only', async () => {
    const server = await serveOrigin();
    const { origin, published } = adapterOf(server);
    const digest = server.add(Buffer.from('{}'), MANIFEST_TYPE);
    expect(await origin.head('r', digest, 'manifest', NEVER)).toEqual({ size: 2, mediaType: MANIFEST_TYPE });
    expect(server.countsOf(digest)).toEqual({ get: 0, head: 1, bytes: 0 });
    expect(published.map(({ topic }) => topic)).toEqual(['origin.head']);
  });

  it.each([
    [401, 'auth'],
    [403, 'auth'],
    [404, 'not_found'],
    [500, 'transient'],
    [418, 'transient'],
    [204, 'transient'],
    [304, 'transient'],
  ])('classifies %d as %s, after one request', async (status, failureClass) => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(Buffer.from('{}'), MANIFEST_TYPE);
    server.script(digest, { kind: 'status', status });
    expect(await failure(origin.open('r', digest, 'manifest', 0, NEVER))).toEqual({
      registry: 'hub',
      repository: 'r',
      digest,
      kind: 'manifest',
      failureClass,
      status,
    });
    expect(server.countsOf(digest).get).toBe(1);
  });

  it('keeps Retry-After of a 429', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(10));
    server.script(digest, { kind: 'status', status: 429, headers: { 'retry-after': '17' } });
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({
      failureClass: 'rate_limited',
      retryAfterMs: 17_000,
    });
  });

  it('asks once for a missing blob as a manifest, and reports the first answer', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const child = server.add(Buffer.from('{"a":1}'), MANIFEST_TYPE);
    const opened = await origin.open('r', child, 'blob', 0, NEVER);
    expect((await readAll(opened.body)).toString()).toBe('{"a":1}');
    expect(server.seen.map(({ url }) => url.split('/')[3])).toEqual(['blobs', 'manifests']);

    const missing: Digest = `sha256:${'0'.repeat(64)}`;
    server.reset();
    server.script(missing, undefined, { kind: 'status', status: 500 });
    expect(await failure(origin.open('r', missing, 'blob', 0, NEVER))).toMatchObject({ status: 404 });
    expect(server.countsOf(missing).get).toBe(2);
    expect(await failure(origin.open('r', missing, 'manifest', 0, NEVER))).toMatchObject({ status: 404 });
    expect(server.countsOf(missing).get).toBe(3);
  });

  it('begins with the manifest URL when the digest is known to be a manifest', async () => {
    const server = await serveOrigin();
    const child = server.add(Buffer.from('{"a":1}'), MANIFEST_TYPE);
    const wrongly = server.add(blob(5));
    const { origin } = adapterOf(server, { kindOf: () => 'manifest' });
    await readAll((await origin.open('r', child, 'blob', 0, NEVER)).body);
    expect(server.countsOf(child).get).toBe(1);
    expect(await readAll((await origin.open('r', wrongly, 'blob', 0, NEVER)).body)).toHaveLength(5);
  });

  it('waits for its turn at a registry with a limit, and fails with its own class when that is too long', async () => {
    const server = await serveOrigin();
    const { origin, timers } = adapterOf(server, { maxRequestsPerSecond: 1 });
    const digest = server.add(blob(3));
    await readAll((await origin.open('r', digest, 'blob', 0, NEVER)).body);
    expect(timers.slept).toEqual([]);
    const results = await Promise.all(
      Array.from({ length: 14 }, async () => failure(origin.open('r', digest, 'blob', 0, NEVER))),
    );
    const local = results.filter((facts) => facts?.isLocal === true);
    expect(local.length).toBeGreaterThanOrEqual(3);
    expect(local[0]).toMatchObject({ failureClass: 'rate_limited' });
    expect(Math.max(...timers.slept)).toBeLessThanOrEqual(10_000);
    expect(timers.slept.length + local.length).toBe(14);
  });
});

describe('bodies that break off', () => {
  it('are continued where they ended, after pauses of the table', async () => {
    const server = await serveOrigin();
    const { origin, published, timers } = adapterOf(server);
    const layer = blob(500_000);
    const digest = server.add(layer);
    server.script(
      digest,
      { kind: 'cut', afterBytes: 100_000 },
      { kind: 'cut', afterBytes: 100_000 },
      { kind: 'hang-up' },
      { kind: 'hang-up' },
    );
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    expect(published.filter(({ topic }) => topic === 'origin.resumed')).toHaveLength(2);
    const ranges = server.seen.map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    const pauses = timers.slept.filter((ms) => ms !== 500);
    for (const [index, nominal] of [500, 2_000, 5_000].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(nominal * 0.8);
      expect(pauses[index]).toBeLessThanOrEqual(nominal * 1.2);
    }
  });

  it('skip what they have when the registry begins anew', async () => {
    const server = await serveOrigin({ hasRanges: false });
    const { origin } = adapterOf(server);
    const layer = blob(300_000);
    const digest = server.add(layer);
    server.script(digest, { kind: 'cut', afterBytes: 100_001 });
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
  });

  it('are given up after three continuations', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(500_000));
    server.script(digest, ...Array.from({ length: 9 }, (): Fault => ({ kind: 'cut', afterBytes: 10_000 })));
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    expect(await failure(readAll(opened.body))).toMatchObject({ failureClass: 'transient' });
    expect(server.countsOf(digest).get).toBe(4);
  });

  it('are not continued before the first byte, nor against a status', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(500_000));
    server.script(digest, { kind: 'cut', afterBytes: 0 });
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    expect(await failure(readAll(opened.body))).toMatchObject({ failureClass: 'transient' });
    expect(server.countsOf(digest).get).toBe(1);

    server.reset();
    server.script(digest, { kind: 'cut', afterBytes: 10_000 }, { kind: 'status', status: 403 });
    const again = await origin.open('r', digest, 'blob', 0, NEVER);
    expect(await failure(readAll(again.body))).toMatchObject({ status: 403 });
    expect(server.countsOf(digest).get).toBe(2);
  });

  it('are not begun by a part that nobody asked for', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(10));
    server.script(digest, {
      kind: 'custom',
      answer: (_request, response) =>
        response.writeHead(206, { 'content-range': 'bytes 0-4/10' }).end('12345'),
    });
    expect(await failure(origin.open('r', digest, 'blob', 0, NEVER))).toMatchObject({ status: 206 });
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['another range', { 'content-range': 'bytes 50000-99999/100000' }, 206, 'another range'],
    ['a range that ends before', { 'content-range': 'bytes 0-9999/100000' }, 206, 'another range'],
    ['no range', {}, 206, 'another range'],
    ['a range that contradicts itself', { 'content-range': 'bytes 9-3/2' }, 206, 'another range'],
    ['another size', { 'content-range': 'bytes 10000-99999/200000' }, 206, 'two sizes'],
    ['the unsatisfiable', { 'content-range': 'bytes */10' }, 416, 'answered 416'],
  ])('are not continued with %s', async (_name, headers, status, message) => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(100_000));
    const lie: Fault = {
      kind: 'custom',
      answer: (_request, response) => response.writeHead(status, headers).end(Buffer.alloc(90_000)),
    };
    server.script(digest, { kind: 'cut', afterBytes: 10_000 }, lie, lie, lie);
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    const error = await readAll(opened.body).catch((reason: unknown) => reason);
    expect(originFailureOf(error)).toMatchObject({ failureClass: 'transient' });
    expect(String(error)).toContain(message);
  });

  it('stand still for no longer than allowed', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server, { limits: { idleMs: 50 } });
    const layer = blob(300_000);
    const digest = server.add(layer);
    server.script(digest, { kind: 'stall', afterBytes: 100_000 });
    const opened = await origin.open('r', digest, 'blob', 0, NEVER);
    expect((await readAll(opened.body)).equals(layer)).toBe(true);
    expect(server.countsOf(digest).get).toBe(2);
  });

  it('end at once when the reader gives up', async () => {
    const server = await serveOrigin();
    const { origin } = adapterOf(server);
    const digest = server.add(blob(300_000));
    server.script(digest, { kind: 'stall', afterBytes: 100_000 });
    const controller = new AbortController();
    const opened = await origin.open('r', digest, 'blob', 0, controller.signal);
    const reason = new Error('gone');
    const reading = (async () => {
      let bytes = 0;
      for await (const chunk of opened.body) {
        bytes += chunk.length;
        if (bytes === 100_000) controller.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
  });
});

function bytesOf(published: readonly { topic: string; payload: unknown }[], kind: string): number {
  let bytes = 0;
  for (const { topic, payload } of published) {
    const event = payload as { kind: string; bytes: number };
    if (topic === 'origin.bytes' && event.kind === kind) bytes += event.bytes;
  }
  return bytes;
}
