import { afterEach, describe, expect, it } from 'vitest';
import { InFlightMap, type InFlightHandle } from '../../src/inflight/in-flight-map.ts';
import {
  refusing,
  serving,
  startPeer,
  startSessions,
  type PeerAnswer,
  type TestPeer,
} from '../support/session-harness.ts';
import { collect, content, published } from '../support/transfer-harness.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(options: Parameters<typeof startSessions>[0] = {}): ReturnType<typeof startSessions> {
  const harness = await startSessions(options);
  cleanups.push(harness.close);
  return harness;
}

async function peer(nodeId: string, ...answers: PeerAnswer[]): Promise<TestPeer> {
  const result = await startPeer(nodeId, ...answers);
  cleanups.push(result.close);
  return result;
}

const { bytes, digest } = content(200_000);
const request = { digest, kind: 'blob', registry: 'hub', repository: 'library/test' } as const;

describe('many nodes that want the same object at the same time', () => {
  it('asks those that a busy node names for what they have so far, before those of whom nothing is known', async () => {
    const harness = await start();
    const copying = await peer('n2', serving(bytes, { headers: { 'gantry-partial': '1' } }));
    const unknown = await peer('n3', serving(bytes));
    const busy = await peer('n1', refusing(429, { 'gantry-alternates': copying.provider.addr }));
    harness.cascade = [
      async () => ({
        how: 'providers',
        providers: [busy.provider, unknown.provider],
        outcome: 'rule2_cache_hit',
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(busy.requests[0]?.headers).not.toHaveProperty('gantry-accept-partial');
    expect(copying.requests[0]?.headers['gantry-accept-partial']).toBe('1');
    expect(unknown.requests).toHaveLength(0);
  });

  it('holds nothing against a node that was named as copying and has nothing yet', async () => {
    const harness = await start();
    const early = await peer('n2', refusing(404));
    const busy = await peer('n1', refusing(429, { 'gantry-alternates': early.provider.addr }));
    const good = await peer('n3', serving(bytes));
    harness.lookups = [[busy.provider]];
    harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule7' })];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(early.requests.length).toBeGreaterThan(0);
    expect(harness.suppression.isSuppressed(digest, early.provider)).toBe(false);
  });

  it('asks the one that has said so first, and holds nothing against those that were only probed', async () => {
    const harness = await start();
    const sayer = await peer('n1', refusing(503));
    const probed = await Promise.all(['n2', 'n3', 'n4'].map(async (id) => peer(id, refusing(404))));
    const last = await peer('n5', serving(bytes));
    const providers = [sayer, ...probed, last].map(({ provider }) => provider);
    harness.cascade = [
      async () => ({ how: 'providers', providers, outcome: 'rule6_degraded_expand/rule2_cache_hit' }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(sayer.requests).toHaveLength(1);
    expect(probed.map(({ requests }) => requests.length)).toEqual([1, 1, 1]);
    for (const { provider } of probed) {
      expect(harness.suppression.isSuppressed(digest, provider)).toBe(false);
    }
    expect(harness.suppression.isSuppressed(digest, sayer.provider)).toBe(true);
  });

  it('leaves a node alone that ends its bodies early, unless it was still receiving', async () => {
    for (const isPartial of [false, true]) {
      const harness = await start();
      const cut = await peer('n1', serving(bytes, { cutAfter: 20_000 }));
      const good = await peer('n2', serving(bytes));
      harness.lookups = [[isPartial ? good.provider : cut.provider], [good.provider]];
      harness.cascade = [
        async () =>
          isPartial
            ? {
                how: 'tail',
                provider: cut.provider,
                outcome: 'rule7',
                resume: async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule7' }),
              }
            : { how: 'providers', providers: [good.provider], outcome: 'rule7' },
      ];
      if (isPartial) harness.lookups = [[]];
      expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
      expect(harness.suppression.isUseless(digest, cut.provider)).toBe(!isPartial);
    }
  });

  it('blames a node for a while only when it passed wrong bytes on before it could know', async () => {
    const wrong = Buffer.from(bytes);
    wrong[1_000] = (wrong[1_000] ?? 0) ^ 1;
    for (const isPartial of [false, true]) {
      const harness = await start();
      const headers: Record<string, string> = isPartial ? { 'gantry-partial': '1' } : {};
      const source = await peer('n1', serving(wrong, { headers }));
      const good = await peer('n2', serving(bytes));
      harness.lookups = [[source.provider], [good.provider]];
      harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule7' })];
      await harness.sessions.fetch({ ...request, isPrefetch: true }).done;
      expect(harness.suppression.isSuppressed(digest, source.provider)).toBe(true);
      expect(harness.suppression.isUseless(digest, source.provider)).toBe(!isPartial);
    }
  });

  it('finds a place to follow a pull further down, when the puller and those after it are full', async () => {
    const harness = await start();
    const leaf = await peer('n4', serving(bytes, { headers: { 'gantry-partial': '1' } }));
    const branch = await peer('n3', refusing(429, { 'gantry-alternates': leaf.provider.addr }));
    const other = await peer('n2', refusing(429));
    const names = `${branch.provider.addr}, ${other.provider.addr}`;
    const puller = await peer('n1', refusing(429, { 'gantry-alternates': names }));
    harness.cascade = [
      async () => ({
        how: 'tail',
        provider: puller.provider,
        outcome: 'rule3_inflight',
        resume: async () => {
          throw new Error('not needed');
        },
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(leaf.requests[0]?.headers['gantry-accept-partial']).toBe('1');
    expect(other.requests).toHaveLength(0);
  });

  it('goes around no circle of full ones', async () => {
    const harness = await start();
    const named: string[] = [];
    const full: PeerAnswer = (_request, response) =>
      response.writeHead(429, { 'gantry-alternates': named.join(', ') }).end();
    const peers = await Promise.all(['n1', 'n2', 'n3'].map(async (id) => peer(id, full)));
    named.push(...peers.map(({ provider }) => provider.addr));
    const good = await peer('n4', serving(bytes));
    harness.cascade = [
      async () => ({
        how: 'tail',
        provider: peers[0]?.provider ?? good.provider,
        outcome: 'rule3_inflight',
        resume: async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule3_inflight' }),
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(peers.map(({ requests }) => requests.length)).toEqual([1, 1, 1]);
  });

  it('asks the cascade again at once when the one it believed has lied', async () => {
    const harness = await start();
    const liar = await peer('n1', refusing(404));
    const good = await peer('n2', serving(bytes));
    harness.cascade = [
      async () => {
        harness.suppression.hasCached(digest, 'n1');
        return { how: 'providers', providers: [liar.provider], outcome: 'rule2_cache_hit' };
      },
      async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2_cache_hit' }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(harness.cascades).toHaveLength(2);
    expect(harness.lookupCount).toBe(1);
  });

  it('goes on asking the cascade only every ten seconds when ever more of them lie', async () => {
    const harness = await start();
    const liars = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => peer(`n${index + 1}`, refusing(503))),
    );
    harness.cascade = liars.map(({ provider }) => async () => ({
      how: 'providers' as const,
      providers: [provider],
      outcome: 'rule2_cache_hit',
    }));
    const good = await peer('n9', serving(bytes));
    harness.lookups = [[], [good.provider]];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(harness.cascades).toHaveLength(6);
  });

  it('leaves the download to the own pump as soon as that was asked to pull the object', async () => {
    const inflight = new InFlightMap();
    const harness = await start({ parts: () => ({ inflight }) });
    let pull: InFlightHandle | undefined;
    const first = await peer('n1', (_request, response) => {
      pull = inflight.start(digest, 'blob', bytes.length, harness.node.clock.now()).handle;
      response.writeHead(404).end();
    });
    const second = await peer('n2', serving(bytes));
    harness.cascade = [
      async () => ({
        how: 'providers',
        providers: [first.provider, second.provider],
        outcome: 'rule2_cache_hit',
      }),
    ];
    const { done } = harness.sessions.fetch(request);
    await expect.poll(() => published(harness.node, 'peer.fetched')).toHaveLength(1);
    pull?.done();
    await expect(done).rejects.toMatchObject({ code: 'ORIGIN_FAILED' });
    expect(second.requests).toHaveLength(0);
  });

  it('does hold it against one that discovery or a puller has named', async () => {
    const harness = await start();
    const stale = await peer('n1', refusing(404));
    const good = await peer('n2', serving(bytes));
    harness.cascade = [
      async () => ({
        how: 'providers',
        providers: [stale.provider, good.provider],
        outcome: 'rule7_cold_start',
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(harness.suppression.isSuppressed(digest, stale.provider)).toBe(true);
  });
});
