import { describe, expect, it } from 'vitest';
import { happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';

const infos = (indexers: readonly ScriptedIndexer[]) => indexers.map(({ info }) => info);

/** A pool of `voters` and one that crashes. */
async function crash(
  fleet: PoolFleet,
  voters: readonly ScriptedIndexer[],
  maxSize = voters.length + 1,
): Promise<PoolNode> {
  const [victim] = fleet.indexers(1) as [ScriptedIndexer];
  const node = await fleet.node({ maxSize });
  for (const indexer of [...voters, victim]) node.agent.consider(indexer.info, 'test');
  await fleet.pass(25);
  fleet.members.network.isolate(victim.peer);
  await fleet.pass(25);
  expect(node.agent.has(victim.peer)).toBe(false);
  return node;
}

describe('consensus (14.5)', () => {
  it('DEF-26: prefers what two voters have named to what one pushes', async () => {
    const fleet = new PoolFleet();
    const voters = fleet.indexers(3);
    const [pushed, agreed] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    pushed.fillRate = 0;
    for (const voter of voters) voter.candidates = [agreed.info];
    (voters[0] as ScriptedIndexer).candidates = [pushed.info];
    const node = await crash(fleet, voters);
    expect(node.agent.entry(agreed.peer)?.isHealthy).toBe(true);
    expect(pushed.received).toEqual([]);
    expect(happened(node, 'consensus.finished')).toMatchObject([{ voters: 3, candidates: 2, admitted: 1 }]);
  });

  it('DEF-27: probes without becoming a node of the candidate', async () => {
    const fleet = new PoolFleet();
    const voters = fleet.indexers(2);
    const candidates = fleet.indexers(3);
    candidates.forEach((candidate, index) => (candidate.fillRate = 0.3 * index));
    for (const voter of voters) voter.candidates = infos(candidates);
    const node = await crash(fleet, voters);
    for (const { received } of candidates) {
      const probe = received[0]?.heartbeat;
      expect(probe).toMatchObject({ probe: true, peer_id: node.member.self, indexers_binded: [] });
      expect(probe).not.toHaveProperty('record');
    }
    expect(node.agent.has(candidates[0]?.peer ?? '')).toBe(true);
    expect(candidates.slice(1).every(({ heartbeats }) => heartbeats.length === 0)).toBe(true);
  });

  it('DEF-28: never asks a voter for more than ten', async () => {
    const fleet = new PoolFleet();
    const voters = fleet.indexers(1);
    await crash(fleet, voters, 40);
    expect(voters[0]?.candidateCounts).toEqual([10]);
  });

  it('asks for two more than it needs', async () => {
    const fleet = new PoolFleet();
    const voters = fleet.indexers(2);
    await crash(fleet, voters);
    expect(voters.map(({ candidateCounts }) => candidateCounts)).toEqual([[3], [3]]);
  });

  it('refuses candidates that are full, dead, ourselves or in the pool, and falls back to the DHT', async () => {
    const fleet = new PoolFleet();
    const voters = fleet.indexers(2);
    const [full, dead, found] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    full.script = () => ({ error: { code: 'full', message: 'no slot' } });
    full.fillRate = 1;
    fleet.members.network.isolate(dead.peer);
    const [victim] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await fleet.node({ maxSize: 3 });
    for (const voter of voters) {
      voter.candidates = [full.info, dead.info, fleet.members.addrInfo(node.member), ...infos(voters)];
    }
    for (const indexer of [...voters, victim]) node.agent.consider(indexer.info, 'test');
    await fleet.pass(25);
    node.directory.found = [found.info];
    fleet.members.network.isolate(victim.peer);
    await fleet.pass(30);
    expect(node.agent.entry(found.peer)?.isHealthy).toBe(true);
    expect(node.agent.has(dead.peer)).toBe(false);
    expect(happened(node, 'consensus.finished')).toMatchObject([{ candidates: 2 }]);
    expect(happened(node, 'replenish.finished').at(-1)).toEqual({ found: 1, admitted: 1 });
  });
});
