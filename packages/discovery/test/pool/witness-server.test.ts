import { describe, expect, it } from 'vitest';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import type { Member } from '../support/members.ts';
import { BORN_AT, happened, PoolFleet, type PoolNode, type ScriptedIndexer } from '../support/pool-fleet.ts';

const DEADLINE = { timeoutMs: 5_000 };

async function ask(fleet: PoolFleet, caller: Member, node: PoolNode, question: object): Promise<unknown> {
  const to = fleet.members.addrInfo(node.member);
  const stream = await caller.overlay.open(to, PROTOCOLS.witness, DEADLINE);
  await stream.write(question, DEADLINE);
  await stream.closeWrite();
  return stream.read({ ...DEADLINE, maxBytes: 4_096 });
}

describe('witness answers (13.7)', () => {
  it('say what we know of an indexer of our pool, and nothing of others or of ourselves', async () => {
    const fleet = new PoolFleet();
    const [known, silent, other] = fleet.indexers(3) as [ScriptedIndexer, ScriptedIndexer, ScriptedIndexer];
    silent.script = () => undefined;
    const node = await fleet.node({ seeds: [known.info, silent.info] });
    const caller = fleet.members.member();
    expect(await ask(fleet, caller, node, { indexer_peer_id: known.peer })).toEqual({
      seen: true,
      born_at: BORN_AT,
      fill_rate: 0.4,
      score: node.agent.entry(known.peer)?.score,
    });
    for (const peer of [silent.peer, other.peer, node.member.self]) {
      expect(await ask(fleet, caller, node, { indexer_peer_id: peer })).toEqual({ seen: false });
    }
    await fleet.members.settle();
    expect(happened(node, 'witness.served')).toHaveLength(4);
  });

  it('own up to an indexer that was left a moment ago, while it still lists us', async () => {
    const fleet = new PoolFleet();
    const [left, kept] = fleet.indexers(2) as [ScriptedIndexer, ScriptedIndexer];
    const node = await fleet.node({ seeds: [left.info, kept.info] });
    const caller = fleet.members.member();
    node.agent.drop(left.peer, 'gone');
    expect(await ask(fleet, caller, node, { indexer_peer_id: left.peer })).toEqual({ seen: true });
    await fleet.pass(121);
    expect(await ask(fleet, caller, node, { indexer_peer_id: left.peer })).toEqual({ seen: false });
  });

  it('are limited to thirty a minute for each caller', async () => {
    const fleet = new PoolFleet();
    const node = await fleet.node();
    const [greedy, modest] = [fleet.members.member(), fleet.members.member()];
    const question = { indexer_peer_id: node.member.self };
    for (let i = 0; i < 30; i += 1) expect(await ask(fleet, greedy, node, question)).toEqual({ seen: false });
    expect(await ask(fleet, greedy, node, question)).toMatchObject({
      error: { code: 'rate_limited', retry_after: expect.any(Number) },
    });
    expect(await ask(fleet, modest, node, question)).toEqual({ seen: false });
    await fleet.pass(61);
    expect(await ask(fleet, greedy, node, question)).toEqual({ seen: false });
  });

  it('refuse blacklisted callers', async () => {
    const fleet = new PoolFleet();
    const node = await fleet.node();
    const caller = fleet.members.member();
    node.member.peers.add(caller.record(), RELATIONS.BLACKLIST);
    expect(await ask(fleet, caller, node, { indexer_peer_id: 'x' })).toMatchObject({
      error: { code: 'blacklisted' },
    });
  });

  it.each([[{}], [{ indexer_peer_id: 7 }], [['indexer_peer_id']]])(
    'reset the stream at %j',
    async (question) => {
      const fleet = new PoolFleet();
      const node = await fleet.node();
      await expect(ask(fleet, fleet.members.member(), node, question)).rejects.toMatchObject({
        code: 'STREAM_RESET',
      });
    },
  );

  it('DEF-54: reset a stream on which nothing comes', async () => {
    const fleet = new PoolFleet();
    const node = await fleet.node();
    const to = fleet.members.addrInfo(node.member);
    const stream = await fleet.members.member().overlay.open(to, PROTOCOLS.witness, DEADLINE);
    let hasEnded = false;
    void stream.ended.then(() => (hasEnded = true));
    await fleet.pass(4);
    expect(hasEnded).toBe(false);
    await fleet.pass(2);
    expect(hasEnded).toBe(true);
  });
});
