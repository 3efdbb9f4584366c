import { describe, expect, it } from 'vitest';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { happened, PoolFleet, type ScriptedIndexer } from '../support/pool-fleet.ts';

describe('peers that contact us (14.9)', () => {
  it('DEF-73: are taken for indexers by what identify says, without a stream', async () => {
    const fleet = new PoolFleet();
    const node = await fleet.node();
    const [caller] = fleet.indexers(1) as [ScriptedIndexer];
    const to = fleet.members.addrInfo(node.member);
    await caller.member.overlay.open(to, PROTOCOLS.witness, { timeoutMs: 1_000 });
    await fleet.members.settle();
    expect(node.agent.has(caller.peer)).toBe(true);
    expect(happened(node, 'pool.added')).toEqual([{ peer: caller.peer, isSeed: false, from: 'inbound' }]);
    expect(caller.streams).toHaveLength(1);
    expect(caller.heartbeats).toHaveLength(1);
  });

  it('are left alone when they are plain nodes, or when the pool is full', async () => {
    const fleet = new PoolFleet();
    const [a, b] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node({ seeds: [a.info], maxSize: 1 });
    const plain = await fleet.node();
    const to = fleet.members.addrInfo(node.member);
    for (const { overlay } of [plain.member, b.member]) {
      await overlay.open(to, PROTOCOLS.witness, { timeoutMs: 1_000 });
    }
    await fleet.pass(10);
    expect(node.agent.view().map(({ peer }) => peer)).toEqual([a.peer]);
  });

  it('become known when they begin to serve heartbeats later', async () => {
    const fleet = new PoolFleet();
    const node = await fleet.node();
    const [late] = fleet.indexers(1) as [ScriptedIndexer];
    late.member.overlay.unhandle(PROTOCOLS.heartbeat);
    const to = fleet.members.addrInfo(node.member);
    await late.member.overlay.open(to, PROTOCOLS.witness, { timeoutMs: 1_000 });
    await fleet.members.settle();
    expect(node.agent.size).toBe(0);
    late.serve();
    await fleet.members.settle();
    expect(node.agent.has(late.peer)).toBe(true);
  });
});
