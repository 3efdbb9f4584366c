/** Failures of the specification's section 26 that need whole daemons, and are told in no test of a part. */
import { afterEach, describe, expect, it } from 'vitest';
import type { DiscoveryDaemon } from '../src/daemon.ts';
import { Daemons } from './support/daemons.ts';

const INDEXER = { node: false, indexer: true } as const;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('failures of a fleet', () => {
  let daemons = new Daemons();

  afterEach(async () => {
    const stopping = Promise.all(daemons.all.map(async (daemon) => daemon.stop()));
    await daemons.pass(4 * SECOND);
    await stopping;
    daemons = new Daemons();
  });

  /** Indexers that know one another. */
  async function indexers(count: number): Promise<readonly DiscoveryDaemon[]> {
    const all = Array.from({ length: count }, () => daemons.make({ roles: INDEXER }));
    const seeds = all.map((daemon) => daemons.seedOf(daemon));
    await Promise.all(all.map((daemon) => daemon.start()));
    for (const daemon of all) for (const seed of seeds) daemon.pool.consider(seed, 'test');
    return all;
  }

  async function nodeOn(seeds: readonly DiscoveryDaemon[], name: string): Promise<DiscoveryDaemon> {
    return await daemons.started({ name, indexerAddresses: seeds.map((seed) => daemons.seedOf(seed)) });
  }

  async function finds(from: DiscoveryDaemon, name: string): Promise<boolean> {
    const names: string[] = [];
    const searching = (async () => {
      for await (const hit of from.search.search('user', name)) names.push(hit.name);
    })();
    await daemons.pass(8 * SECOND);
    await searching;
    return names.includes(name);
  }

  it('F3: with one entry point down a new node joins through the other, and takes the first back', async () => {
    const [a, b] = (await indexers(2)) as [DiscoveryDaemon, DiscoveryDaemon];
    daemons.network.isolate(a.context.self);
    const node = await nodeOn([a, b], 'late');
    await daemons.pass(15 * SECOND);
    expect(node.isReady).toBe(true);
    await daemons.pass(MINUTE);
    expect(node.pool.entry(a.context.self)).toMatchObject({ isSeed: true, isHealthy: false });
    daemons.network.rejoin(a.context.self);
    await daemons.pass(25 * SECOND);
    expect(node.pool.entry(a.context.self)?.isHealthy).toBe(true);
  });

  it('F4: with all entry points down running nodes go on, and a new one joins when one is back', async () => {
    const [a, b, c, d] = (await indexers(4)) as [
      DiscoveryDaemon,
      DiscoveryDaemon,
      DiscoveryDaemon,
      DiscoveryDaemon,
    ];
    const alpha = await nodeOn([a, b], 'alpha');
    const beta = await nodeOn([a, b], 'beta');
    await daemons.pass(3 * MINUTE);
    for (const node of [alpha, beta]) expect(node.pool.healthyCount).toBe(4);
    for (const seed of [a, b]) daemons.network.isolate(seed.context.self);
    const late = daemons.make({ name: 'late', indexerAddresses: [a, b].map((seed) => daemons.seedOf(seed)) });
    // All members in memory share one table; who knows nobody could not ask a real one.
    late.context.overlay.dht.findProviders = async () => [];
    await late.start();
    await daemons.pass(10 * MINUTE);
    for (const node of [alpha, beta]) {
      expect(node.isReady).toBe(true);
      expect(node.pool.has(c.context.self) && node.pool.has(d.context.self)).toBe(true);
    }
    expect(await finds(alpha, 'beta')).toBe(true);
    const lookup = beta.lookup.getPeerRecord(alpha.did);
    await daemons.pass(SECOND);
    expect((await lookup).peer_id).toBe(alpha.context.self);
    expect(late.notReadyReasons()).toEqual(['0 of at least 1 indexers are healthy']);
    daemons.network.rejoin(a.context.self);
    // The longest delay is 300 s and up to a fifth more.
    await daemons.pass(380 * SECOND);
    expect(late.isReady).toBe(true);
  });

  it('F7: a node that crashes is forgotten, and taken back at its first heartbeat', async () => {
    const [a, b] = (await indexers(2)) as [DiscoveryDaemon, DiscoveryDaemon];
    const key = daemons.all.length;
    const node = await nodeOn([a, b], 'papa');
    const { self } = node.context;
    await daemons.pass(2 * MINUTE);
    for (const { indexer } of [a, b]) {
      expect(indexer?.agent.table.has(self)).toBe(true);
      expect(indexer?.agent.table.size).toBe(2);
    }
    expect([a, b].filter((indexer) => indexer.indexer?.referenced.has(self))).toHaveLength(1);
    daemons.network.isolate(self);
    await daemons.pass(150 * SECOND);
    for (const indexer of [a, b]) {
      expect(indexer.indexer?.agent.table.has(self)).toBe(false);
      // What is left is the other indexer.
      expect(indexer.indexer?.agent.table.size).toBe(1);
      expect(indexer.indexer?.referenced.has(self)).toBe(false);
    }
    const record = a.directory.byDid(node.did, 5 * SECOND);
    await daemons.pass(6 * SECOND);
    expect(await record).toBeUndefined();
    const stopping = node.stop();
    await daemons.pass(4 * SECOND);
    await stopping;
    daemons.network.rejoin(self);
    const again = await daemons.started(
      { name: 'papa', indexerAddresses: [daemons.seedOf(a), daemons.seedOf(b)] },
      key,
    );
    expect(again.context.self).toBe(self);
    await daemons.pass(SECOND);
    for (const indexer of [a, b]) {
      expect(indexer.indexer?.agent.table.get(self)?.tracker.ageMs(daemons.clock.monotonic())).toBeLessThan(
        2 * SECOND,
      );
    }
  });
});
