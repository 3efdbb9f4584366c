import { describe, expect, it } from 'vitest';
import { indexerHarness, settle } from '../support/indexer-harness.ts';

describe('a heartbeat, step by step (12.2)', () => {
  it('DEF-42: a foreign peer id refuses the sender, strikes him twice, and leaves the victim alone', async () => {
    const { node, behaviour, agent, eventsOf } = indexerHarness();
    const victim = node(1);
    const thief = node(2);
    await victim.beat();
    for (let i = 0; i < 2; i++) {
      const { error, seq } = await thief.beat({ peer_id: victim.peer, record: victim.record() });
      expect(error?.code).toBe('identity_mismatch');
      expect(seq).toBe(i + 1);
      thief.lose();
    }
    expect(eventsOf('behaviour.strike')).toMatchObject([
      { peer: thief.peer, strikes: 2 },
      { peer: thief.peer, strikes: 4 },
    ]);
    expect(behaviour.bannedForMs(victim.peer)).toBeUndefined();
    expect(behaviour.bannedForMs(thief.peer)).toBeDefined();
    expect(agent.table.size).toBe(1);
    expect((await victim.beat()).error).toBeUndefined();
  });

  it('answers a probe with the least and keeps nothing of the sender', async () => {
    const { node, agent, clock, eventsOf, referenced } = indexerHarness();
    const prober = node(1);
    const answer = await prober.beat({ probe: true, need: 5, referent: true, challenges: [prober.peer] });
    expect(answer).toEqual({
      fill_rate: 0,
      peer_count: 0,
      max_nodes: 500,
      born_at: new Date(clock.now()).toISOString(),
      seq: 1,
      ts: clock.now(),
    });
    expect(agent.counts()).toMatchObject({ records: 0, probes: 0, background: 0 });
    expect(referenced.size).toBe(0);
    expect(eventsOf('heartbeat.served')).toMatchObject([{ peer: prober.peer, isProbe: true }]);
  });

  it('DEF-14: a full indexer refuses new nodes, with suggestions, and keeps its own', async () => {
    const { node, suggestions, agent, overlay } = indexerHarness({ settings: { maxNodes: 2 } });
    suggestions.push({ ID: node(90).peer, Addrs: ['/ip4/192.0.2.90/tcp/4001'] });
    await node(1).beat();
    await node(2).beat();
    // Connections that are no nodes, those of the DHT for one, take no slot.
    await overlay.open({ ID: node(50).peer, Addrs: [] }, '/opencloud/probe/1.0', { timeoutMs: 1 });
    const late = node(3);
    const refused = await late.beat();
    expect(refused.error?.code).toBe('full');
    expect(refused).toMatchObject({ fill_rate: 1, peer_count: 2, max_nodes: 2, seq: 1 });
    expect(refused.suggestions?.map(({ ID }) => ID)).toEqual([node(90).peer]);
    expect(await late.hasEnded()).toBe(true);
    const kept = node(1);
    expect((await kept.beat()).error).toBeUndefined();
    expect(agent.table.size).toBe(2);
  });

  it('DEF-13: a refused node hears why, keeps its stream, and is taken when the score allows', async () => {
    const { node, agent, network, eventsOf, advance } = indexerHarness({
      settings: { admissionMode: 'strict', maxConnPerWindow: 100 },
    });
    // All connections come from one subnet: the source's formula gives 7.5 points and a share of 20.
    for (let i = 1; i <= 10; i++) {
      network.overlay(node(i).peer, { addresses: [`/ip4/198.51.100.${i}/tcp/4001`] });
    }
    for (let i = 1; i <= 10; i++) await node(i).open();
    const peer = node(1);
    const { error, seq } = await peer.beat();
    expect(error).toMatchObject({
      code: 'low_score',
      message: '9.5 < 20.0',
      retry_after: 20,
      score: expect.closeTo(9.5, 9),
      min_score: 20,
    });
    expect(seq).toBe(1);
    await advance(20_000);
    expect((await peer.beat()).error?.code).toBe('low_score');
    expect(agent.table.size).toBe(0);
    expect(eventsOf('heartbeat.refused')).toHaveLength(2);
    for (let i = 11; i <= 40; i++) await node(i).open();
    await advance(2_000);
    expect((await peer.beat()).error).toBeUndefined();
    expect(agent.table.get(peer.peer)?.lastScore).toBeCloseTo(20 * (31 / 40) + 7.5, 9);
  });

  it('notes the heartbeat on one record with one tracker', async () => {
    const { node, agent, advance, clock, eventsOf } = indexerHarness();
    const peer = node(1);
    await peer.beat({ local_score: 61 });
    const record = agent.table.get(peer.peer);
    expect(record).toMatchObject({
      did: peer.did,
      localScore: 61,
      isIndexer: false,
      addresses: ['/ip4/192.0.2.1/tcp/4001'],
      expiresAt: clock.monotonic() + 120_000,
    });
    expect(record?.verified?.record.name).toBe('node-1');
    await advance(20_000);
    peer.lose();
    await peer.beat();
    expect(agent.table.get(peer.peer)).toBe(record);
    expect(record?.tracker.totalOnlineMs).toBe(20_000);
    expect(record?.expiresAt).toBe(clock.monotonic() + 120_000);
    expect(eventsOf('record.added')).toHaveLength(1);
  });

  it('takes a strict indexer, which sends no record', async () => {
    const { node, agent } = indexerHarness();
    const { record: _, ...bare } = node(1).heartbeat();
    const peer = node(1);
    await peer.open();
    await peer.send(bare);
    expect((await peer.answer()).error).toBeUndefined();
    expect(agent.table.get(peer.peer)).toMatchObject({
      did: undefined,
      verified: undefined,
      isIndexer: true,
    });
  });
});

describe('the record in a heartbeat (12.2.8)', () => {
  it('a forged one costs two strikes, the record part, and the stream', async () => {
    const { node, agent, eventsOf } = indexerHarness();
    const peer = node(1);
    const { error } = await peer.beat({ record: { ...peer.record(), api_url: 'http://evil.example' } });
    expect(error?.code).toBe('bad_signature');
    expect(eventsOf('behaviour.strike')).toMatchObject([{ peer: peer.peer, strikes: 2 }]);
    expect(agent.table.get(peer.peer)?.verified).toBeUndefined();
    await peer.stream.closeWrite();
    await settle();
    expect(agent.counts()['streams']).toBe(0);
  });

  it("another peer's costs one strike and the stream", async () => {
    const { node, agent, eventsOf } = indexerHarness();
    const peer = node(1);
    const { error } = await peer.beat({ record: node(2).record() });
    expect(error?.code).toBe('identity_mismatch');
    expect(eventsOf('behaviour.strike')).toMatchObject([{ peer: peer.peer, strikes: 1 }]);
    expect(agent.table.get(peer.peer)?.verified).toBeUndefined();
    expect(agent.table.has(node(2).peer)).toBe(false);
  });

  it('a malformed one costs one strike and the stream', async () => {
    const { node, eventsOf } = indexerHarness();
    const peer = node(1);
    expect((await peer.beat({ record: { name: 7 } })).error?.code).toBe('bad_request');
    expect(eventsOf('behaviour.strike')).toMatchObject([{ strikes: 1 }]);
  });

  it('one with a DID that is not its own is refused without a strike', async () => {
    const { node, eventsOf } = indexerHarness();
    const peer = node(1);
    const { error } = await peer.beat({ record: peer.record({ did: node(2).did }) });
    expect(error?.code).toBe('identity_mismatch');
    expect(eventsOf('behaviour.strike')).toEqual([]);
  });

  it('an expired one is left out, and the node is alive all the same', async () => {
    const { node, agent, dht } = indexerHarness();
    const peer = node(1);
    expect((await peer.beat({ record: peer.record({ expiresInMs: -60_000 }) })).error).toBeUndefined();
    expect(agent.table.get(peer.peer)?.verified).toBeUndefined();
    expect(dht.puts).toEqual([]);
  });

  it('DEF-71: in stored mode another DID, or the DID of another, costs two strikes', async () => {
    const { node, eventsOf } = indexerHarness({ settings: { didMode: 'stored' } });
    const [owner, thief] = [node(1), node(2)];
    const did = '11111111-2222-4333-8444-555555555555';
    expect((await owner.beat({ record: owner.record({ did }) })).error).toBeUndefined();
    expect((await thief.beat({ record: thief.record({ did }) })).error?.code).toBe('identity_mismatch');
    expect((await owner.beat({ record: owner.record() })).error?.code).toBe('identity_mismatch');
    expect(eventsOf('behaviour.strike')).toMatchObject([
      { peer: thief.peer, strikes: 2 },
      { peer: owner.peer, strikes: 2 },
    ]);
  });
});

describe('referents (12.3.2)', () => {
  it('DEF-58: only verified records get into the table, and they leave with the designation', async () => {
    const { node, referenced } = indexerHarness();
    const peer = node(1);
    await peer.beat({ referent: true, name: 'another name' });
    expect(referenced.get(peer.peer)).toMatchObject({ peer_id: peer.peer, did: peer.did, name: 'node-1' });
    await peer.beat({ referent: false });
    expect(referenced.size).toBe(0);
    await peer.beat({ referent: true });
    await peer.beat({});
    expect(referenced.size).toBe(0);
    const forger = node(2);
    await forger.beat({ referent: true, record: { ...forger.record(), name: 'evil' } });
    const { record: _, ...bare } = forger.heartbeat({ referent: true });
    forger.lose();
    await forger.open();
    await forger.send(bare);
    expect(referenced.size).toBe(0);
  });
});

describe('bootstrap help (12.3.9)', () => {
  const PROTOCOL = '/opencloud/heartbeat/1.0';

  it('an indexer without a pool takes an indexer that comes to it', async () => {
    const { node, considered, poolMembers } = indexerHarness();
    const indexer = node(1);
    indexer.overlay.handle(PROTOCOL, async () => {});
    await indexer.beat();
    expect(considered).toEqual([
      { candidate: { ID: indexer.peer, Addrs: ['/ip4/192.0.2.1/tcp/4001'] }, from: 'heartbeat' },
    ]);
    poolMembers.add(node(2).peer);
    await indexer.beat();
    expect(considered).toHaveLength(1);
  });

  it('does not take a plain node', async () => {
    const { node, considered } = indexerHarness();
    await node(1).beat();
    expect(considered).toEqual([]);
  });
});
