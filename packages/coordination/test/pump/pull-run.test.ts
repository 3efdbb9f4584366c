import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import type { Download, Downloads } from '../../src/parts.ts';
import type { Digest, Provider } from '../../src/types.ts';
import { chunked, pumpFixture, unlessAborted } from '../support/pump-fixture.ts';
import { collect, patternBytes, readObject } from '../support/store-contract.ts';

const CONTENT = patternBytes(300_000);
const PEERS: readonly Provider[] = [{ nodeId: 'n2', addr: '10.0.0.2:5001' }];
const MINUTE = 60_000;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

/** Feeds the download of a digest, as a copy from a peer does. */
async function copyInto(
  downloads: Downloads,
  digest: Digest,
  bytes: Uint8Array,
  isWhole: boolean,
): Promise<void> {
  const download = downloads.get(digest) as Download;
  const feeder = download.feed();
  if (feeder === undefined) throw new Error('somebody else feeds');
  try {
    feeder.setSource({ kind: 'peer', nodeId: 'n2' });
    await feeder.write(bytes);
    if (isWhole) await feeder.complete();
  } finally {
    feeder.release();
  }
}

describe('what a pull reads', () => {
  it('is told as it comes: size, progress, and what is known afterwards', async () => {
    const { pull, origin, inflight, descriptors, clock, provided } = await pumpFixture();
    const digest = origin.add(CONTENT);
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
    origin.distort = async function* (body) {
      yield body.subarray(0, 100_000);
      await held;
      yield body.subarray(100_000);
    };
    const { end } = await pull(digest);
    await expect.poll(() => inflight.lookup(digest, clock.now())?.progressBytes).toBe(100_000);
    expect(inflight.lookup(digest, clock.now())?.totalBytes).toBe(300_000);
    goOn();
    expect(await end).toBe('origin');
    expect(descriptors.get(digest)).toEqual({
      size: 300_000,
      kind: 'blob',
      registry: 'hub',
      repository: 'lib/n',
      mediaType: 'application/x-test',
    });
    expect(provided).toEqual([digest]);
  });

  it('is in the store before anybody hears that it is no longer in flight', async () => {
    const { pull, origin, inflight, store, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    const { end } = await pull(digest);
    while (inflight.lookup(digest, clock.now()) !== undefined) await Promise.resolve();
    expect(await store.has(digest)).toBe(true);
    await end;
  });

  it('teaches what a manifest tells of its children', async () => {
    const { pull, origin, descriptors } = await pumpFixture();
    const layer = digestOf(Buffer.from('layer'));
    const manifest = origin.add(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: 5 }],
        }),
      ),
    );
    await (
      await pull(manifest, { kind: 'manifest' })
    ).end;
    await expect.poll(() => descriptors.get(layer)?.size).toBe(5);
    expect(descriptors.get(layer)).toMatchObject({ registry: 'hub', repository: 'lib/n' });
  });

  it('never becomes visible when it is not what the digest names', async () => {
    const { pull, origin, store, negative, clock, downloads } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.distort = (body) => {
      const copy = Uint8Array.from(body);
      copy[77_777] = (copy[77_777] ?? 0) ^ 1;
      return chunked(copy);
    };
    expect(await (await pull(digest)).end).toBe('DIGEST_MISMATCH');
    expect(await store.has(digest)).toBe(false);
    expect(negative.lookup(digest, clock.now())?.failureClass).toBe('transient');
    expect(origin.opened).toHaveLength(1);
    expect(downloads.list()).toEqual([]);
  });

  it.each([
    ['shorter', (body: Uint8Array) => chunked(body.subarray(0, 299_999))],
    ['longer', (body: Uint8Array) => chunked(Buffer.concat([body, Buffer.alloc(1)]))],
    ['empty', (body: Uint8Array) => chunked(body.subarray(0, 0))],
  ])('fails when the body is %s than its size', async (_name, distort) => {
    const { pull, origin, negative, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.distort = distort;
    expect(await (await pull(digest)).end).toBe('DIGEST_MISMATCH');
    expect(negative.lookup(digest, clock.now())?.failureClass).toBe('transient');
  });

  it('is no manifest when it does not end', async () => {
    const { pull, origin } = await pumpFixture({ capacityBytes: 100_000_000 });
    const digest = origin.add(Buffer.from('{}'));
    let sent = 0;
    origin.toldSize = 'none';
    origin.distort = async function* () {
      for (;;) {
        sent += 1_048_576;
        yield Buffer.alloc(1_048_576);
      }
    };
    expect(await (await pull(digest, { kind: 'manifest' })).end).toBe('ORIGIN_FAILED');
    expect(sent).toBeLessThan(20_000_000);
  });

  it('fails as this node’s own failure when the disk is full', async () => {
    const { pull, origin, negative, clock, published, inflight } = await pumpFixture({
      capacityBytes: 200_000,
    });
    const digest = origin.add(CONTENT);
    expect(await (await pull(digest)).end).toBe('STORAGE_UNAVAILABLE');
    expect(negative.lookup(digest, clock.now())?.failureClass).toBe('transient');
    expect(published.at(-1)?.payload).toMatchObject({ failureClass: 'transient', isOriginSide: false });
    expect(inflight.length).toBe(0);
  });
});

describe('the budget of a pull', () => {
  it.each<[number | 'none', number]>([
    [200 * 1_048_576, 5 * MINUTE + 20_000],
    ['none', 5 * MINUTE],
  ])('ends one that stands still (size told: %s)', async (toldSize, budgetMs) => {
    const { pull, origin, negative, clock, inflight } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.toldSize = toldSize;
    origin.distort = async function* (body, signal) {
      yield body.subarray(0, 1_000);
      await unlessAborted(new Promise<never>(() => {}), signal);
    };
    const { end } = await pull(digest);
    await expect.poll(() => inflight.lookup(digest, clock.now())?.progressBytes).toBe(1_000);
    clock.advance(budgetMs - 1);
    await settle();
    expect(inflight.length).toBe(1);
    clock.advance(1);
    expect(await end).toBe('ORIGIN_FAILED');
    expect(negative.lookup(digest, clock.now())?.failureClass).toBe('transient');
  });

  it('ends one that never gets an answer', async () => {
    const { pull, origin, clock, published } = await pumpFixture();
    origin.gate = new Promise(() => {});
    const { end } = await pull(origin.add(CONTENT));
    await expect.poll(() => origin.opened.length).toBe(1);
    clock.advance(5 * MINUTE);
    expect(await end).toBe('ORIGIN_FAILED');
    expect(published.at(-1)?.payload).toMatchObject({ isOriginSide: true, failureClass: 'transient' });
  });
});

describe('looking around before going to the origin (15.9)', () => {
  it('copies from a peer that has it, without a word about origins', async () => {
    const requests: unknown[] = [];
    const made = await pumpFixture({
      copyFromPeers: async (request) => {
        requests.push(request);
        await copyInto(made.downloads, request.digest, CONTENT, true);
      },
    });
    const { pull, origin, published, peers, provided, store } = made;
    peers.providers = PEERS;
    const digest = origin.add(CONTENT);
    expect(await (await pull(digest)).end).toBe('peer');
    expect(origin.opened).toEqual([]);
    expect(published).toEqual([]);
    expect(provided).toEqual([digest]);
    expect(await store.has(digest)).toBe(true);
    expect(requests).toEqual([
      { digest, kind: 'blob', registry: 'hub', repository: 'lib/n', providers: PEERS },
    ]);
    expect(origin.prepared).toEqual(['lib/n']);
  });

  it('goes to the origin at once when nobody has it, within 300 ms when discovery is silent, and when it fails', async () => {
    const made = await pumpFixture({ copyFromPeers: async () => {} });
    const { pull, origin, peers, clock, lookups } = made;
    expect(await (await pull(origin.add(Buffer.from('a')))).end).toBe('origin');
    peers.find = async () => {
      throw new Error('no discovery');
    };
    expect(await (await pull(origin.add(Buffer.from('b')))).end).toBe('origin');
    peers.find = async () => new Promise(() => {});
    const { end } = await pull(origin.add(Buffer.from('c')));
    await expect.poll(() => lookups.length).toBe(3);
    expect(origin.opened).toHaveLength(2);
    clock.advance(300);
    expect(await end).toBe('origin');
  });

  it('is off with the setting', async () => {
    const { pull, origin, lookups } = await pumpFixture({
      copyFromPeers: async () => {},
      options: { pumpPeerCheck: false },
    });
    expect(await (await pull(origin.add(CONTENT))).end).toBe('origin');
    expect(lookups).toEqual([]);
  });

  it('continues at the origin where a peer broke off', async () => {
    const made = await pumpFixture({
      copyFromPeers: async ({ digest }) => {
        await copyInto(made.downloads, digest, CONTENT.subarray(0, 120_000), false);
        throw new Error('the peer is gone');
      },
    });
    made.peers.providers = PEERS;
    const digest = made.origin.add(CONTENT);
    expect(await (await made.pull(digest)).end).toBe('origin');
    expect(made.origin.opened.map(({ offset }) => offset)).toEqual([120_000]);
    expect((await readObject(made.store, digest)).equals(CONTENT)).toBe(true);
  });

  it('begins anew at the origin, once, when the bytes of a peer were wrong', async () => {
    const made = await pumpFixture({
      copyFromPeers: async ({ digest }) => copyInto(made.downloads, digest, Buffer.alloc(120_000), false),
    });
    made.peers.providers = PEERS;
    const digest = made.origin.add(CONTENT);
    expect(await (await made.pull(digest)).end).toBe('origin');
    expect(made.origin.opened.map(({ offset }) => offset)).toEqual([120_000, 0]);
    expect(made.published.map(({ topic }) => topic)).toEqual(['origin.started', 'origin.succeeded']);
  });

  it('gives a peer fifteen seconds for its first byte', async () => {
    let reason: unknown;
    const made = await pumpFixture({
      copyFromPeers: async (_request, signal) => {
        await unlessAborted(new Promise<never>(() => {}), signal).catch((error: unknown) => {
          reason = error;
          throw error;
        });
      },
    });
    made.peers.providers = PEERS;
    const { end } = await made.pull(made.origin.add(CONTENT));
    await settle();
    made.clock.advance(14_999);
    await settle();
    expect(reason).toBeUndefined();
    made.clock.advance(1);
    expect(await end).toBe('origin');
    expect(String(reason)).toContain('no byte');
  });

  it('tells the progress of what others feed, and takes over when they stop', async () => {
    const made = await pumpFixture({
      copyFromPeers: async () => {
        throw new Error('somebody is at it already');
      },
    });
    const { pull, origin, downloads, inflight, clock, lookups } = made;
    const digest = origin.add(CONTENT);
    const download = await downloads.open(digest, { kind: 'blob' });
    const feeder = download.feed();
    feeder?.setSource({ kind: 'peer', nodeId: 'n2' });
    await feeder?.write(CONTENT.subarray(0, 50_000));
    const { end } = await pull(digest);
    await expect.poll(() => inflight.lookup(digest, clock.now())?.progressBytes).toBe(50_000);
    expect(lookups).toEqual([]);
    expect(origin.opened).toEqual([]);
    feeder?.release();
    clock.advance(250);
    expect(await end).toBe('origin');
    expect(origin.opened.map(({ offset }) => offset)).toEqual([50_000]);
  });

  it('is done when others have finished it, and begins itself when they gave it up', async () => {
    for (const isFinished of [true, false]) {
      const { pull, origin, downloads, clock } = await pumpFixture();
      const digest = origin.add(CONTENT);
      const download = await downloads.open(digest, { kind: 'blob' });
      const feeder = download.feed();
      await feeder?.write(CONTENT);
      const { end } = await pull(digest);
      await settle();
      if (isFinished) await feeder?.complete();
      else download.fail(new Error('nobody wants it'));
      clock.advance(250);
      expect(await end).toBe(isFinished ? 'peer' : 'origin');
      expect(origin.opened).toHaveLength(isFinished ? 0 : 1);
    }
  });
});

describe('after a failed pull', () => {
  it('the download is left to those who follow it', async () => {
    let isFollowed = true;
    const { pull, origin, downloads, clock } = await pumpFixture({ isFollowed: () => isFollowed });
    const digest = origin.add(CONTENT);
    origin.failure = { failureClass: 'transient' };
    expect(await (await pull(digest)).end).toBe('ORIGIN_FAILED');
    const download = downloads.get(digest) as Download;
    expect(download.state).toBe('open');
    const reading = collect(download.read());
    const feeder = download.feed();
    await feeder?.write(CONTENT);
    await feeder?.complete();
    expect((await reading).equals(CONTENT)).toBe(true);

    isFollowed = false;
    const other = origin.add(Buffer.from('other'));
    clock.advance(MINUTE);
    expect(await (await pull(other)).end).toBe('ORIGIN_FAILED');
    expect(downloads.list()).toEqual([]);
  });
});

describe('the end of the pump', () => {
  it('lets running pulls finish in time, gives queued ones up, and declines new ones', async () => {
    const { agent, pull, pump, job, origin, inflight } = await pumpFixture({
      options: { maxConcurrentPulls: 1 },
    });
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
    origin.gate = held;
    const running = await pull(origin.add(CONTENT));
    const queued = await pull(origin.add(Buffer.from('queued')));
    const stopping = agent.stop(5_000);
    expect(await queued.end).toBe('SHUTTING_DOWN');
    expect(await pump(job(origin.add(Buffer.from('new'))))).toEqual({ kind: 'declined' });
    goOn();
    expect(await running.end).toBe('origin');
    await stopping;
    expect(inflight.length).toBe(0);
  });

  it('aborts the others: nothing stays on the disk, and the origin is not to blame', async () => {
    const { agent, pull, origin, inflight, downloads, negative, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.distort = async function* (body, signal) {
      yield body.subarray(0, 100_000);
      await unlessAborted(new Promise<never>(() => {}), signal);
    };
    const { end } = await pull(digest);
    await expect.poll(() => inflight.lookup(digest, clock.now())?.progressBytes).toBe(100_000);
    const stopping = agent.stop(5_000);
    await settle();
    clock.advance(5_000);
    await stopping;
    expect(await end).toBe('SHUTTING_DOWN');
    expect([inflight.length, negative.length, downloads.list().length]).toEqual([0, 0, 0]);
  });

  it('ends when an origin does not listen to its signal', async () => {
    const { agent, pull, origin, clock } = await pumpFixture();
    origin.distort = async function* (body) {
      yield body.subarray(0, 10);
      await new Promise<never>(() => {});
    };
    await pull(origin.add(CONTENT));
    const stopping = agent.stop(0);
    await settle();
    clock.advance(0);
    await settle();
    clock.advance(1_000);
    await stopping;
  });
});
