import { afterEach, describe, expect, it } from 'vitest';
import { originFixture } from '../support/origin-fixture.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';
import { pumpFixture } from '../support/pump-fixture.ts';
import { patternBytes, readObject } from '../support/store-contract.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A registry with tokens that redirects blobs to another server, and a pump of it. */
async function setUp() {
  const blobs = await OriginServer.start();
  const registry = await OriginServer.start({ auth: 'bearer', redirectBlobsTo: blobs.url });
  closers.push(
    async () => registry.close(),
    async () => blobs.close(),
  );
  const { origin, close } = originFixture(registry.url);
  closers.unshift(close);
  return { blobs, registry, ...(await pumpFixture({ adapter: origin })) };
}

describe('a pull from a registry', () => {
  it('goes through tokens, redirects and broken connections, and counts once', async () => {
    const { blobs, registry, pull, store, published } = await setUp();
    const content = patternBytes(900_000);
    const digest = blobs.add(content);
    blobs.script(digest, { kind: 'cut', afterBytes: 300_000 }, { kind: 'cut', afterBytes: 300_000 });
    expect(await (await pull(digest)).end).toBe('origin');
    expect((await readObject(store, digest)).equals(content)).toBe(true);
    expect(registry.tokenRequests).toBe(1);
    expect(blobs.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(published.map(({ topic }) => topic)).toEqual(['origin.started', 'origin.succeeded']);
  });

  it('is verified: a byte that was changed on the way is never stored', async () => {
    const { blobs, pull, store, negative, clock } = await setUp();
    const digest = blobs.add(patternBytes(200_000));
    blobs.script(digest, { kind: 'corrupt', byte: 150_000 });
    expect(await (await pull(digest)).end).toBe('DIGEST_MISMATCH');
    expect(await store.has(digest)).toBe(false);
    expect(blobs.countsOf(digest).get).toBe(1);
    clock.advance(10_001);
    expect(await (await pull(digest)).end).toBe('origin');
    expect(negative.length).toBe(0);
  });

  it('reports what is missing, and asks no more often than needed', async () => {
    const { blobs, registry, pull, negative, clock } = await setUp();
    const digest = blobs.add(Buffer.from('gone'));
    blobs.script(digest, { kind: 'status', status: 404 });
    expect(await (await pull(digest)).end).toBe('ORIGIN_FAILED');
    expect(negative.lookup(digest, clock.now())?.failureClass).toBe('not_found');
    expect(blobs.countsOf(digest).get).toBe(1);
    expect(registry.countsOf(digest).get).toBe(1);
  });
});
