import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

describe('recovery from isolation (14.8)', () => {
  it('F2: keeps dead seeds, tries again with growing delays, and finds the one that comes back', async () => {
    const fleet = new PoolFleet();
    const seeds = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node({ seeds: seeds.map(({ info }) => info) });
    await fleet.pass(30);
    for (const { peer } of seeds) fleet.members.network.isolate(peer);
    await fleet.pass(190, 1_000);
    expect(node.agent.view().map(({ isSeed }) => isSeed)).toEqual([true, true]);
    const delays = happened(node, 'isolation.retry').map(({ delayMs }) => (delayMs as number) / 1000);
    for (const [index, nominal] of [10, 20, 40, 80].entries()) {
      expect(delays[index]).toBeGreaterThanOrEqual(0.8 * nominal);
      expect(delays[index]).toBeLessThanOrEqual(1.2 * nominal);
    }
    expect(delays.length).toBeLessThanOrEqual(5);
    fleet.members.network.rejoin(seeds[0].peer);
    await fleet.pass(40, 1_000);
    expect(node.agent.entry(seeds[0].peer)?.isHealthy).toBe(true);
  });

  it('DEF-21: does not stop because seeds are in the pool again, but when one is healthy', async () => {
    const fleet = new PoolFleet();
    const [seed] = fleet.indexers(1) as [ScriptedIndexer];
    fleet.members.network.isolate(seed.peer);
    const node = await fleet.node({ seeds: [seed.info] });
    await fleet.pass(80, 1_000);
    expect(happened(node, 'isolation.retry').length).toBeGreaterThanOrEqual(3);
    fleet.members.network.rejoin(seed.peer);
    await fleet.pass(60, 1_000);
    const retries = happened(node, 'isolation.retry').length;
    await fleet.pass(400, 2_000);
    expect(happened(node, 'isolation.retry').length).toBe(retries);
  });

  it('gives a discharged seed its flag back', async () => {
    const fleet = new PoolFleet();
    const [seed, other] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node({ seeds: [seed.info] });
    node.agent.consider(other.info, 'test');
    await fleet.pass(2);
    seed.script = () => ({ suggest_migrate: true });
    await fleet.pass(22);
    expect(node.agent.has(seed.peer) && node.agent.entry(seed.peer)?.isSeed).toBe(false);
    seed.script = () => ({});
    for (const { peer } of [seed, other]) fleet.members.network.isolate(peer);
    await fleet.pass(60, 1_000);
    expect(node.agent.entry(seed.peer)?.isSeed).toBe(true);
  });

  it('F2b: without any seed, an indexer that dials us is taken within ten seconds', async () => {
    const fleet = new PoolFleet();
    const [found, caller] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node();
    node.agent.consider(found.info, 'test');
    await fleet.pass(25);
    fleet.members.network.isolate(found.peer);
    await fleet.pass(75, 1_000);
    expect(node.agent.size).toBe(0);
    const to = fleet.members.addrInfo(node.member);
    await caller.member.overlay.open(to, '/opencloud/witness/1.0', { timeoutMs: 1_000 });
    await fleet.pass(10);
    expect(node.agent.entry(caller.peer)?.isHealthy).toBe(true);
  });
});
