import { describe, expect, it } from 'vitest';
import { PoolAgent } from '../../src/pool/pool-agent.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { derivedDid } from '../../src/records/did.ts';
import { MapDirectory } from '../support/members.ts';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

const infos = (indexers: readonly ScriptedIndexer[]) => indexers.map(({ info }) => info);

describe('a node and its indexers (section 11)', () => {
  it('DEF-17: sends the first heartbeat at once, then one a tick', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const { agent, member } = await fleet.node({ seeds: [indexer.info] });
    expect(indexer.heartbeats).toHaveLength(1);
    expect(indexer.heartbeats[0]).toMatchObject({
      peer_id: member.self,
      need: 4,
      indexers_binded: [indexer.peer],
      seq: 1,
      record: { peer_id: member.self, did: derivedDid(member.self) },
    });
    await fleet.pass(121);
    expect(indexer.heartbeats.length).toBeGreaterThanOrEqual(6);
    expect(indexer.heartbeats.length).toBeLessThanOrEqual(8);
    expect(indexer.heartbeats.at(-1)?.seq).toBe(indexer.heartbeats.length);
    expect(indexer.heartbeats.at(-1)?.local_score).toBeGreaterThan(80);
    expect(agent.healthyCount).toBe(1);
    expect(indexer.streams).toHaveLength(1);
  });

  it('DEF-15: never sends more than five heartbeats a minute to one indexer, however often it is nudged', async () => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(3);
    const { agent } = await fleet.node({ seeds: infos(indexers) });
    for (let i = 0; i < 360; i += 1) {
      agent.nudge();
      await fleet.pass(0.5);
    }
    for (const { received } of indexers) {
      const times = received.map(({ at }) => at);
      for (const start of times) {
        expect(times.filter((at) => at >= start && at <= start + 60_000).length).toBeLessThanOrEqual(5);
      }
    }
  });

  it('DEF-15: keeps the distance of two heartbeats to an indexer that left the pool and came back', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const { agent } = await fleet.node({ seeds: [indexer.info] });
    for (let i = 0; i < 60; i += 1) {
      agent.drop(indexer.peer, 'gone');
      agent.consider(indexer.info, 'inbound');
      await fleet.pass(1);
    }
    const times = indexer.received.map(({ at }) => at);
    expect(times.length).toBeGreaterThanOrEqual(4);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(13_000);
  });

  it('designates exactly one referent, in each tick', async () => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(4);
    const { agent } = await fleet.node({ seeds: infos(indexers) });
    await fleet.pass(65);
    for (const tick of [0, 1, 2]) {
      const designated = indexers.filter(({ heartbeats }) => heartbeats[tick]?.referent === true);
      expect(designated).toHaveLength(1);
    }
    expect(agent.view().filter(({ isReferent }) => isReferent)).toHaveLength(1);
  });

  it('DEF-59: a strict indexer sends no record, designates nobody, and asks for no record of its own', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    await fleet.node({ seeds: [indexer.info], isStrict: true });
    await fleet.pass(1_200, 2_000);
    for (const heartbeat of indexer.heartbeats) {
      expect(heartbeat.record).toBeUndefined();
      expect(heartbeat.referent).toBe(false);
      expect(heartbeat.challenge_did).toBeUndefined();
    }
  });

  it('DEF-1: asks for a DHT challenge in every fifth batch, and passes honest indexers', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    indexer.fillRate = 0.03;
    const { agent } = await fleet.node({ seeds: [indexer.info] });
    await fleet.pass(3_600, 2_000);
    const batches = indexer.heartbeats.filter(({ challenges }) => challenges !== undefined);
    expect(batches.length).toBeGreaterThan(20);
    expect(batches.length).toBeLessThan(50);
    const dht = batches.filter(({ challenge_did }) => challenge_did !== undefined);
    expect(dht.length).toBe(Math.floor(batches.length / 5));
    const [view] = agent.view();
    expect(view?.terms).toMatchObject({ challenge: 1, dht: 1 });
    expect(view?.score).toBeGreaterThan(90);
  });

  it('DEF-6: lets no dead dial delay the others', async () => {
    const fleet = new PoolFleet();
    const [dead, alive] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    fleet.members.network.mute(dead.peer);
    const { agent } = await fleet.node({ seeds: infos([dead, alive]) });
    expect(agent.entry(alive.peer)?.isHealthy).toBe(true);
    expect(agent.entry(dead.peer)?.isHealthy).toBe(false);
  });

  it('DEF-20: starts without a seed, warns, and takes an indexer that is found later', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const node = await fleet.node();
    expect(node.agent.size).toBe(0);
    node.directory.found = [indexer.info];
    await fleet.pass(8);
    expect(node.agent.healthyCount).toBe(1);
  });

  it('DEF-22: leaves itself out', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const { member } = await fleet.node({ seeds: [indexer.info] });
    const self = fleet.members.addrInfo(member);
    const agent = new PoolAgent(member, { directory: new MapDirectory(), maxSize: 5 });
    expect(agent.consider(self, 'test')).toBe(false);
    await agent.stop();
  });

  it('refuses periods that would break the limit of its own indexers', () => {
    const fleet = new PoolFleet();
    const member = fleet.members.member({ maxHeartbeatsPerMinute: 3 });
    expect(() => new PoolAgent(member, { directory: new MapDirectory(), maxSize: 5 })).toThrow(/limit of 3/);
  });

  it('ends everything when it stops: streams, loops, and the witness protocol', async () => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(3);
    const { agent, member } = await fleet.node({ seeds: infos(indexers) });
    await fleet.pass(30);
    const before = indexers.map(({ received }) => received.length);
    await agent.stop();
    await fleet.pass(120);
    expect(indexers.map(({ received }) => received.length)).toEqual(before);
    expect(member.overlay.opened.every(({ hasEnded }) => hasEnded)).toBe(true);
    expect(member.overlay.served()).toEqual([]);
  });

  it('ends with the daemon', async () => {
    const fleet = new PoolFleet();
    const [indexer] = fleet.indexers(1) as [ScriptedIndexer];
    const { member } = await fleet.node({ seeds: [indexer.info] });
    member.controller.abort();
    await fleet.pass(120);
    expect(indexer.heartbeats).toHaveLength(1);
  });

  it('drops whom the operator has blacklisted, from the pool and from all that it hands out', async () => {
    const fleet = new PoolFleet();
    const indexers = fleet.indexers(2);
    const [bad] = indexers as [ScriptedIndexer];
    const node = await fleet.node({ seeds: infos(indexers) });
    node.member.peers.add(bad.member.record(), RELATIONS.BLACKLIST);
    node.agent.drop(bad.peer, 'blacklisted');
    expect(node.agent.has(bad.peer)).toBe(false);
    expect(node.agent.reachable().map(({ ID }) => ID)).not.toContain(bad.peer);
    expect(node.agent.consider(bad.info, 'inbound')).toBe(false);
    await fleet.members.settle();
    expect(bad.streams[0] && 'hasEnded' in bad.streams[0] && bad.streams[0].hasEnded).toBe(true);
    expect(happened(node, 'pool.evicted')).toContainEqual(
      expect.objectContaining({ peer: bad.peer, reason: 'blacklisted' }),
    );
  });

  it('hands out healthy ones first', async () => {
    const fleet = new PoolFleet();
    const [dead, alive] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    fleet.members.network.isolate(dead.peer);
    const { agent } = await fleet.node({ seeds: infos([dead, alive]) });
    for (let i = 0; i < 10; i += 1) expect(agent.reachable()[0]?.ID).toBe(alive.peer);
  });
});
