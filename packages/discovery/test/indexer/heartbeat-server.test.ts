import { describe, expect, it } from 'vitest';
import { INDEXER, indexerHarness, settle } from '../support/indexer-harness.ts';

describe('admission of a stream (12.1), before a byte is read', () => {
  it('DEF-74: blacklist first, even for a node with a live record; the connection is closed', async () => {
    const { node, blacklisted, overlay } = indexerHarness();
    const bad = node(1);
    await bad.beat();
    bad.lose();
    blacklisted.add(bad.peer);
    await bad.open();
    expect((await bad.answer()).error?.code).toBe('blacklisted');
    await bad.stream.close();
    await settle();
    expect(overlay.isConnected(bad.peer)).toBe(false);
  });

  it('tells a banned peer for how long, and nothing it sends is read', async () => {
    const { node, behaviour, agent } = indexerHarness();
    const bad = node(1);
    behaviour.strike(bad.peer, 3, 'flood');
    await bad.open();
    expect((await bad.answer()).error).toMatchObject({ code: 'banned', retry_after: 600 });
    await bad.send(bad.heartbeat());
    expect(agent.table.size).toBe(0);
  });

  it('lets 20 strangers in per window and tells others when to come back', async () => {
    const { node, eventsOf, advance } = indexerHarness();
    for (let i = 1; i <= 20; i++) expect((await node(i).beat()).error).toBeUndefined();
    const late = node(21);
    await late.open();
    expect((await late.answer()).error).toMatchObject({ code: 'rate_limited', retry_after: 30 });
    expect(eventsOf('guard.refused')).toEqual([{ peer: late.peer }]);
    late.lose();
    await advance(30_000);
    expect((await late.beat()).error).toBeUndefined();
  });

  it('DEF-72: live nodes, nodes of the last minutes, seeds and pool members pass a busy guard', async () => {
    const { node, agent, advance, poolMembers } = indexerHarness({ settings: { maxConnPerWindow: 1 } });
    const known = node(1);
    await known.beat();
    const stranger = node(2);
    await stranger.open();
    expect((await stranger.answer()).error?.code).toBe('rate_limited');
    known.lose();
    expect((await known.beat()).error).toBeUndefined();
    poolMembers.add(node(3).peer);
    expect((await node(3).beat()).error).toBeUndefined();
    known.lose();
    await advance(5 * 60_000, 10_000);
    expect(agent.table.has(known.peer)).toBe(false);
    expect((await stranger.open()) && (await stranger.beat()).error).toBeUndefined();
    expect((await known.beat()).error).toBeUndefined();
  });

  it('DEF-72: after a restart the nodes of the last run are no strangers', async () => {
    const first = indexerHarness();
    for (let i = 1; i <= 15; i++) await first.node(i).beat();
    await first.agent.stop();
    const seen = first.saved.at(-1) ?? [];
    expect(seen.map(({ peer }) => peer)).toHaveLength(15);
    const second = indexerHarness({ settings: { maxConnPerWindow: 1 }, seen });
    await settle();
    for (let i = 1; i <= 15; i++) expect((await second.node(i).beat()).error).toBeUndefined();
    expect(second.eventsOf('guard.refused')).toEqual([]);
  });

  it('DEF-73: probes take no token of the guard, and support probes that send nothing neither', async () => {
    const { node } = indexerHarness({ settings: { maxConnPerWindow: 1 } });
    const prober = node(1);
    expect((await prober.beat({ probe: true })).error).toBeUndefined();
    const curious = node(2);
    await curious.open();
    curious.lose();
    await settle();
    expect((await node(3).beat()).error).toBeUndefined();
    // The token is gone now, and the prober's stream that is already open needs one for a real heartbeat.
    expect((await prober.beat()).error?.code).toBe('rate_limited');
  });

  it('keeps one stream a peer: the newer replaces the older', async () => {
    const { node, agent } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    const older = peer.forgetStream();
    expect((await peer.beat()).error).toBeUndefined();
    await expect(older.read({ timeoutMs: 10, maxBytes: 100 })).rejects.toMatchObject({
      code: 'STREAM_RESET',
    });
    expect(agent.counts()['streams']).toBe(1);
    expect((await peer.beat()).seq).toBe(3);
  });

  it('bounds the streams of strangers that stay silent', async () => {
    const { node, agent } = indexerHarness({ settings: { maxConnPerWindow: 1_000, maxNodes: 2 } });
    for (let i = 1; i <= 80; i++) await node(i).open();
    expect(agent.counts()['streams']).toBe(64);
  });
});

describe('bad input (7.2, 12.2)', () => {
  const text = 'x'.repeat(70_000);

  it('DEF-54: an oversize frame costs the stream and one strike', async () => {
    const { node, eventsOf } = indexerHarness();
    const peer = node(1);
    await peer.open();
    await peer.send({ ...peer.heartbeat(), name: text });
    expect(await peer.hasEnded()).toBe(true);
    expect(eventsOf('behaviour.strike')).toMatchObject([{ peer: peer.peer, strikes: 1 }]);
  });

  it.each([
    ['no object', [1, 2]],
    ['no peer id', { timestamp: 1, indexers_binded: [] }],
    ['a wrong type', { peer_id: INDEXER, timestamp: 'now', indexers_binded: [] }],
  ])('DEF-54: %s costs the stream and one strike', async (_, frame) => {
    const { node, eventsOf, agent } = indexerHarness();
    const peer = node(1);
    await peer.open();
    await peer.send(frame);
    expect(await peer.hasEnded()).toBe(true);
    expect(eventsOf('behaviour.strike')).toMatchObject([{ peer: peer.peer, strikes: 1 }]);
    expect(agent.counts()['streams']).toBe(0);
  });

  it('DEF-54: a stranger who says nothing is dropped after ten seconds, a node after two minutes', async () => {
    const { node, agent, advance } = indexerHarness();
    await node(1).open();
    await node(2).beat();
    expect(agent.counts()['streams']).toBe(2);
    await advance(9_000);
    expect(agent.counts()['streams']).toBe(2);
    await advance(1_000);
    expect(agent.counts()['streams']).toBe(1);
    await advance(109_000, 1_000);
    expect(agent.counts()['streams']).toBe(1);
    await advance(2_000);
    expect(agent.counts()['streams']).toBe(0);
  });

  it('closes when the other side half-closes, and keeps the record', async () => {
    const { node, agent } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    await peer.stream.closeWrite();
    await settle();
    expect(await peer.hasEnded()).toBe(true);
    expect(agent.counts()).toMatchObject({ streams: 0, records: 1 });
  });

  it('keeps the record of a stream that was reset', async () => {
    const { node, agent } = indexerHarness();
    const peer = node(1);
    await peer.beat();
    peer.lose();
    await settle();
    expect(agent.counts()).toMatchObject({ streams: 0, records: 1 });
  });

  it('leaves a refused peer time to read why, and then ends the stream itself', async () => {
    const { node, advance } = indexerHarness();
    const peer = node(1);
    await peer.beat({ peer_id: node(2).peer }).then((answer) => expect(answer.error).toBeDefined());
    await advance(2_000);
    await peer.stream.write({}, { timeoutMs: 1 });
    await advance(1_000);
    await expect(peer.stream.write({}, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'STREAM_RESET' });
  });

  it('a flood of heartbeats is refused, then banned', async () => {
    const { node, behaviour } = indexerHarness();
    const peer = node(1);
    const codes: unknown[] = [];
    for (let i = 0; i < 9; i++) {
      const { error } = await peer.beat();
      codes.push(error?.code);
      if (error !== undefined) peer.lose();
    }
    // One early heartbeat after a reconnection is excused.
    expect(codes.slice(0, 5)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(codes.slice(5)).toEqual(['rate_limited', 'rate_limited', 'rate_limited', 'banned']);
    expect(behaviour.bannedForMs(peer.peer)).toBe(600_000);
  });
});
