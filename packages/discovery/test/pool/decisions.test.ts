import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';

const infos = (indexers: readonly ScriptedIndexer[]) => indexers.map(({ info }) => info);

/** A node with these non-seeds, all healthy, that would be told of `candidates`. */
async function nodeWith(
  fleet: PoolFleet,
  pool: readonly ScriptedIndexer[],
  candidates: readonly ScriptedIndexer[] = [],
): Promise<PoolNode> {
  const node = await fleet.node();
  for (const indexer of pool) {
    indexer.candidates = infos(candidates);
    node.agent.consider(indexer.info, 'test');
  }
  await fleet.members.settle();
  await fleet.pass(6);
  expect(node.agent.healthyCount).toBe(pool.length);
  return node;
}

describe('failures of indexers (11.6, section 26)', () => {
  it('F1: a crashed indexer is evicted and replaced by what the others agree on', async () => {
    const fleet = new PoolFleet();
    const [a, b, c] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    const node = await nodeWith(fleet, [a, b], [c]);
    await fleet.pass(60);
    fleet.members.network.isolate(b.peer);
    await fleet.pass(35);
    expect(node.agent.has(b.peer)).toBe(false);
    expect(node.agent.entry(c.peer)?.isHealthy).toBe(true);
    expect(a.streams).toHaveLength(1);
    expect(happened(node, 'consensus.finished')).toMatchObject([{ voters: 1, candidates: 1, admitted: 1 }]);
  });

  it('F1b: a frozen indexer is evicted after three silent ticks', async () => {
    const fleet = new PoolFleet();
    const [a, b] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await nodeWith(fleet, [a, b]);
    b.script = () => undefined;
    await fleet.pass(80);
    expect(node.agent.has(b.peer)).toBe(false);
    expect(node.agent.entry(a.peer)?.isHealthy).toBe(true);
  });

  it('F5: of a seed and a non-seed that crash together the non-seed goes, and the seed comes back', async () => {
    const fleet = new PoolFleet();
    const [a, b, c, d] = fleet.indexers(4) as [
      ScriptedIndexer,
      ScriptedIndexer,
      ScriptedIndexer,
      ScriptedIndexer,
    ];
    const node = await fleet.node({ seeds: [a.info] });
    for (const indexer of [b, c]) node.agent.consider(indexer.info, 'test');
    c.candidates = [d.info];
    await fleet.pass(25);
    for (const { peer } of [a, b]) fleet.members.network.isolate(peer);
    await fleet.pass(45);
    expect(node.agent.has(b.peer)).toBe(false);
    expect(node.agent.entry(a.peer)).toMatchObject({ isSeed: true, isHealthy: false });
    expect(node.agent.entry(d.peer)?.isHealthy).toBe(true);
    fleet.members.network.rejoin(a.peer);
    await fleet.pass(30);
    expect(node.agent.entry(a.peer)?.isHealthy).toBe(true);
  });

  it('F6: a seed behind a broken link is not evicted, and not flooded when the link is back', async () => {
    const fleet = new PoolFleet();
    const [a] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await fleet.node({ seeds: [a.info] });
    await fleet.pass(30);
    fleet.members.network.isolate(a.peer);
    await fleet.pass(90);
    expect(node.agent.entry(a.peer)).toMatchObject({ isSeed: true, isHealthy: false });
    fleet.members.network.rejoin(a.peer);
    const before = a.heartbeats.length;
    await fleet.pass(30);
    expect(node.agent.entry(a.peer)?.isHealthy).toBe(true);
    await fleet.pass(30);
    expect(a.heartbeats.length - before).toBeLessThanOrEqual(5);
  });

  it('F6b, DEF-18: an outage of our own evicts nobody in two ticks, and all are healthy after it', async () => {
    const fleet = new PoolFleet();
    const pool = fleet.indexers(4);
    const node = await nodeWith(fleet, pool);
    await fleet.pass(20);
    fleet.members.network.isolate(node.member.self);
    await fleet.pass(35);
    expect(node.agent.size).toBe(4);
    expect(node.agent.healthyCount).toBe(0);
    fleet.members.network.rejoin(node.member.self);
    await fleet.pass(30);
    expect(node.agent.healthyCount).toBe(4);
    expect(happened(node, 'pool.evicted')).toEqual([]);
  });

  it('a lone indexer is given up at its third failure (27.2)', async () => {
    const fleet = new PoolFleet();
    const [a] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await nodeWith(fleet, [a]);
    fleet.members.network.isolate(a.peer);
    await fleet.pass(35);
    expect(node.agent.has(a.peer)).toBe(true);
    await fleet.pass(40);
    expect(node.agent.size).toBe(0);
    expect(happened(node, 'isolation.retry').length).toBeGreaterThan(0);
  });

  it('an indexer that has failed does not come right back on the word of others, but does when it calls', async () => {
    const fleet = new PoolFleet();
    const [a, b] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await nodeWith(fleet, [a, b]);
    a.script = () => ({ suggestions: [b.info] });
    fleet.members.network.isolate(b.peer);
    await fleet.pass(45);
    expect(happened(node, 'pool.added').filter(({ peer }) => peer === b.peer)).toHaveLength(1);
    fleet.members.network.rejoin(b.peer);
    expect(node.agent.consider(b.info, 'inbound')).toBe(true);
    await fleet.members.settle();
    expect(node.agent.entry(b.peer)?.isHealthy).toBe(true);
  });
});

describe('suggestions and migration (14.2, 14.3)', () => {
  it('DEF-23: one indexer cannot fill the pool with its friends', async () => {
    const fleet = new PoolFleet();
    const [a, ...friends] = fleet.indexers(9) as [ScriptedIndexer, ...ScriptedIndexer[]];
    a.script = () => ({ suggestions: infos(friends) });
    const node = await fleet.node({ seeds: [a.info], maxSize: 3 });
    await fleet.pass(65);
    expect(node.agent.size).toBe(3);
    expect(friends.filter(({ received }) => received.length > 0)).toHaveLength(2);
  });

  it('F8: moves away from an overloaded indexer that it can do without, and stays with one that it cannot', async () => {
    const fleet = new PoolFleet();
    const [a, b, c] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    const node = await nodeWith(fleet, [a]);
    a.fillRate = 0.9;
    a.script = () => ({ suggest_migrate: true });
    await fleet.pass(25);
    expect(node.agent.has(a.peer)).toBe(true);
    a.script = () => ({ suggest_migrate: true, suggestions: infos([b, c]) });
    await fleet.pass(45);
    expect(node.agent.has(a.peer)).toBe(false);
    expect(node.agent.healthyCount).toBe(2);
    expect(happened(node, 'pool.evicted')).toMatchObject([{ peer: a.peer, reason: 'migration' }]);
    expect(happened(node, 'consensus.finished')).toEqual([]);
    // Its connection with us says that it lives, not that it has a slot again.
    expect(node.agent.consider(a.info, 'inbound')).toBe(false);
    node.agent.drop(b.peer, 'gone');
    node.agent.drop(c.peer, 'gone');
    expect(node.agent.consider(a.info, 'inbound')).toBe(true);
  });

  it('only takes the flag from an overloaded seed (14.10)', async () => {
    const fleet = new PoolFleet();
    const [a, b] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node({ seeds: [a.info] });
    node.agent.consider(b.info, 'test');
    await fleet.pass(5);
    let asks = 0;
    a.script = () => ({ suggest_migrate: (asks += 1) === 1 });
    await fleet.pass(22);
    expect(node.agent.entry(a.peer)).toMatchObject({ isSeed: false, isHealthy: true });
    expect(happened(node, 'pool.discharged')).toEqual([{ peer: a.peer }]);
  });
});

describe('eviction by score and by evidence (14.4, 13.8)', () => {
  it('DEF-25: nothing that an indexer says in the answer which evicts it is followed', async () => {
    const fleet = new PoolFleet();
    const [a, b, friend] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    const node = await nodeWith(fleet, [a, b]);
    // After 120 s online the score counts, and another start at each answer leaves one of 0.
    const isLast = (): boolean => {
      const view = node.agent.entry(b.peer);
      const since = node.member.clock.monotonic() - (view?.lastSeen ?? Infinity);
      return (view?.evidence['totalOnlineMs'] ?? 0) + since >= 120_000;
    };
    let starts = 0;
    b.script = () => ({
      born_at: new Date(Date.UTC(2026, 1, (starts += 1))).toISOString(),
      suggestions: isLast() ? [friend.info] : [],
    });
    await fleet.pass(160);
    expect(happened(node, 'pool.evicted')).toMatchObject([{ peer: b.peer, reason: 'score' }]);
    expect(node.agent.has(friend.peer)).toBe(false);
    expect(friend.received).toEqual([]);
  });

  it('DEF-24: never evicts the last healthy one by its score', async () => {
    const fleet = new PoolFleet();
    const [b] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await nodeWith(fleet, [b]);
    let starts = 0;
    b.script = () => ({ born_at: new Date(Date.UTC(2026, 1, (starts += 1))).toISOString() });
    await fleet.pass(200);
    expect(node.agent.entry(b.peer)).toMatchObject({ score: 0 });
  });

  it('takes the flag from a lying seed, and evicts it as soon as somebody else is healthy', async () => {
    const fleet = new PoolFleet();
    const [liar, honest] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    liar.script = ({ challenges }) => (challenges === undefined ? {} : { challenges: [] });
    const node = await fleet.node({ seeds: [liar.info] });
    await fleet.pass(600, 2_000);
    expect(node.agent.entry(liar.peer)).toMatchObject({ isSeed: false });
    expect(happened(node, 'pool.discharged')).toEqual([{ peer: liar.peer }]);
    // It goes on looking for another, although the liar answers.
    node.directory.found = [honest.info];
    await fleet.pass(90, 1_000);
    expect(node.agent.entry(honest.peer)?.isHealthy).toBe(true);
    expect(node.agent.has(liar.peer)).toBe(false);
    expect(node.agent.isQuarantined(liar.peer)).toBe(true);
    expect(node.agent.quarantined()).toMatchObject([
      { peer: liar.peer, evidence: expect.stringMatching(/failed/) },
    ]);
    expect(node.agent.consider(liar.info, 'inbound')).toBe(false);
  });

  it('charges who has suggested a liar (14.2)', async () => {
    const fleet = new PoolFleet();
    const [friend, liar] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    liar.script = ({ challenges }) => (challenges === undefined ? {} : { challenges: [] });
    friend.script = () => ({ suggestions: [liar.info] });
    friend.fillRate = 0.03;
    const node = await fleet.node({ seeds: [friend.info] });
    await fleet.pass(600, 2_000);
    expect(node.agent.isQuarantined(liar.peer)).toBe(true);
    expect(node.agent.entry(friend.peer)?.evidence['beta']).toBe(2);
  });
});

describe('a fleet that is short of slots', () => {
  it('a node that has enough stops looking after two indexers were full, and goes on when it has not', async () => {
    const fleet = new PoolFleet();
    const [home, fullA, fullB, other] = fleet.indexers(4) as [
      ScriptedIndexer,
      ScriptedIndexer,
      ScriptedIndexer,
      ScriptedIndexer,
    ];
    for (const full of [fullA, fullB]) full.script = () => ({ error: { code: 'full', message: 'no slot' } });
    const node = await fleet.node({ seeds: infos([home, fullA, fullB]) });
    expect(home.heartbeats.at(-1)?.need).toBeGreaterThan(0);
    home.script = () => ({ suggestions: [other.info] });
    await fleet.pass(21);
    expect(home.heartbeats.at(-1)?.need).toBe(0);
    expect(node.agent.has(other.peer)).toBe(false);
    expect(node.agent.consider(other.info, 'test')).toBe(false);
    // Without anybody healthy it takes whom it gets.
    fleet.members.network.isolate(home.peer);
    await fleet.pass(60);
    expect(node.agent.healthyCount).toBe(0);
    expect(node.agent.consider(other.info, 'test')).toBe(true);
  });
});
