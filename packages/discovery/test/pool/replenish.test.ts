import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';
import type { IndexerRecord } from '../../src/wire/messages.ts';

const infos = (indexers: readonly ScriptedIndexer[]) => indexers.map(({ info }) => info);

describe('replenishment (14.6)', () => {
  it('fills the pool from the DHT after the warm-up', async () => {
    const fleet = new PoolFleet();
    const [seed, ...others] = fleet.indexers(8) as [ScriptedIndexer, ...ScriptedIndexer[]];
    const node = await fleet.node({
      seeds: [seed.info],
      prepare: ({ directory }) => void (directory.found = infos(others)),
    });
    await fleet.pass(4);
    expect(node.agent.size).toBe(1);
    await fleet.pass(3);
    expect(node.agent.size).toBe(5);
    expect(node.agent.healthyCount).toBe(5);
  });

  it('DEF-32: fills the standby list only, when the pool is full', async () => {
    const fleet = new PoolFleet();
    const [seed, spare] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const third = fleet.indexers(1)[0] as ScriptedIndexer;
    const node = await fleet.node({
      seeds: infos([seed, third]),
      maxSize: 2,
      prepare: ({ directory }) => void (directory.found = [spare.info]),
    });
    await fleet.pass(10);
    expect(node.agent.size).toBe(2);
    expect(spare.received).toEqual([]);
  });

  it('DEF-29: uses the fill rates of signed records: a full indexer is not chosen', async () => {
    const fleet = new PoolFleet();
    const [seed, full, free] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    const record = (peer: string, fill_rate: number) => ({ peer_id: peer, fill_rate }) as IndexerRecord;
    const node = await fleet.node({
      seeds: [seed.info],
      maxSize: 2,
      prepare: ({ directory }) => {
        directory.found = infos([full, free]);
        directory.indexerRecords.set(full.peer, record(full.peer, 1));
        directory.indexerRecords.set(free.peer, record(free.peer, 0.2));
      },
    });
    await fleet.pass(8);
    expect(node.agent.has(free.peer)).toBe(true);
    expect(full.received).toEqual([]);
  });

  it('DEF-19: goes on every minute while too few are healthy, although dead seeds are in the pool', async () => {
    const fleet = new PoolFleet();
    const [dead, late] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    fleet.members.network.isolate(dead.peer);
    const node = await fleet.node({ seeds: [dead.info] });
    await fleet.pass(100, 1_000);
    expect(node.agent.healthyCount).toBe(0);
    const before = happened(node, 'replenish.finished').length;
    expect(before).toBeGreaterThanOrEqual(2);
    expect(before).toBeLessThanOrEqual(8);
    node.directory.found = [late.info];
    await fleet.pass(70, 1_000);
    expect(node.agent.entry(late.peer)?.isHealthy).toBe(true);
    expect(node.agent.entry(dead.peer)?.isSeed).toBe(true);
  });
});
