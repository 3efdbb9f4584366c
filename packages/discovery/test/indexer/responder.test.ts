import { describe, expect, it } from 'vitest';
import type { AddrInfo } from '../../src/wire/messages.ts';
import { testPeer } from '../support/identities.ts';
import { INDEXER, indexerHarness, settle } from '../support/indexer-harness.ts';

const cacheOf = (count: number): AddrInfo[] =>
  Array.from({ length: count }, (_, i) => ({
    ID: testPeer(900 + i),
    Addrs: [`/ip4/203.0.113.${i}/tcp/4001`],
  }));

describe('the answer (12.3)', () => {
  it('says how full the indexer is, since when it runs, and what it was asked', async () => {
    const { node, clock, agent, advance } = indexerHarness({ settings: { maxNodes: 8 } });
    await advance(5_000);
    await node(1).beat();
    const answer = await node(2).beat({ seq: 41 });
    expect(answer).toMatchObject({
      fill_rate: 0.25,
      peer_count: 2,
      max_nodes: 8,
      born_at: new Date(agent.bornAt).toISOString(),
      seq: 41,
      ts: clock.now(),
    });
    expect(clock.now() - agent.bornAt).toBe(5_000);
  });

  it('leaves out the seq that was not asked', async () => {
    const { node } = indexerHarness();
    const peer = node(1);
    await peer.open();
    const { seq: _, ...bare } = peer.heartbeat();
    await peer.send(bare);
    expect(await peer.answer()).not.toHaveProperty('seq');
  });

  it('DEF-48: answers challenges from its table: the own id with this heartbeat, others with their last', async () => {
    const { node, clock, advance } = indexerHarness();
    const other = node(2);
    await other.beat();
    const lastSeen = new Date(clock.now()).toISOString();
    await advance(7_000);
    const peer = node(1);
    const stranger = testPeer(3);
    const answer = await peer.beat({ challenges: [peer.peer, other.peer, stranger, other.peer] });
    expect(answer.challenges).toEqual([
      { peer_id: peer.peer, found: true, last_seen: new Date(clock.now()).toISOString() },
      { peer_id: other.peer, found: true, last_seen: lastSeen },
      { peer_id: stranger, found: false },
    ]);
  });

  it('DEF-55: a challenged node counts as live for 120 s, not for 80, and no longer', async () => {
    const { node, advance } = indexerHarness();
    const gone = node(1);
    await gone.beat();
    gone.lose();
    const ask = async () => (await node(2).beat({ challenges: [gone.peer] })).challenges?.[0]?.found;
    await advance(119_000, 7_000);
    expect(await ask()).toBe(true);
    await advance(1_001);
    expect(await ask()).toBe(false);
  });

  it('names up to three live witnesses, never the requester, blacklisted, or one without address', async () => {
    const { node, blacklisted } = indexerHarness();
    const requester = node(1);
    await requester.beat();
    expect((await requester.beat()).witnesses).toBeUndefined();
    for (let i = 2; i <= 6; i++) await node(i).beat();
    blacklisted.add(node(6).peer);
    const named = new Map<string, number>();
    const asking = node(7);
    for (let round = 0; round < 5; round++) {
      const { witnesses } = await asking.beat();
      expect(witnesses).toHaveLength(3);
      expect(new Set(witnesses?.map(({ ID }) => ID)).size).toBe(3);
      for (const { ID, Addrs } of witnesses ?? []) {
        named.set(ID, (named.get(ID) ?? 0) + 1);
        expect(Addrs[0]).toMatch(/^\/ip4\/192\.0\.2\.\d+\/tcp\/4001$/);
      }
    }
    expect(named.has(asking.peer)).toBe(false);
    expect(named.has(node(6).peer)).toBe(false);
    expect(named.size).toBeGreaterThan(3);
  });

  it('says what the nodes think of it, in one number', async () => {
    const { node, advance } = indexerHarness();
    expect((await node(1).beat({ local_score: 100 })).cached_score).toBeCloseTo(3.5 / 6, 9);
    await node(2).beat({ local_score: 100 });
    await advance(2_000);
    expect((await node(3).beat()).cached_score).toBeCloseTo(4.5 / 7, 9);
  });
});

describe('DHT challenges (12.3.4)', () => {
  it('passes on what lies in the DHT, as it is', async () => {
    const { node, dht } = indexerHarness();
    dht.rawResult = { any: 'thing' };
    const peer = node(1);
    const answer = await peer.beat({ challenge_did: peer.did });
    expect(answer).toMatchObject({ dht_found: true, dht_payload: { any: 'thing' } });
    dht.rawResult = undefined;
    const second = await peer.beat({ challenge_did: peer.did });
    expect(second.dht_found).toBe(false);
    expect(second).not.toHaveProperty('dht_payload');
    expect(await peer.beat()).not.toHaveProperty('dht_found');
  });

  it('looks up eight at once and tells the ninth that it is busy', async () => {
    const { node, dht } = indexerHarness();
    let release: () => void = () => {};
    dht.hold = new Promise((resolve) => {
      release = resolve;
    });
    const waiting = Array.from({ length: 8 }, (_, i) => node(i + 1));
    for (const peer of waiting) {
      await peer.open();
      await peer.send(peer.heartbeat({ challenge_did: peer.did }));
    }
    const ninth = node(9);
    const answer = await ninth.beat({ challenge_did: ninth.did });
    expect(answer).toMatchObject({ dht_busy: true, seq: 1 });
    expect(answer).not.toHaveProperty('dht_found');
    release();
    await settle();
    for (const peer of waiting) expect((await peer.answer()).dht_found).toBe(false);
    dht.hold = undefined;
    expect((await ninth.beat({ challenge_did: ninth.did })).dht_busy).toBeUndefined();
  });
});

describe('suggestions and offload (12.3.6, 12.3.7)', () => {
  it('suggests what the node does not have yet: one place is not offered the same indexer for ever', async () => {
    const { node, suggestions } = indexerHarness();
    suggestions.push(...cacheOf(4));
    const has = suggestions.slice(0, 3).map(({ ID }) => ID);
    const answer = await node(1).beat({ need: 1, indexers_binded: has });
    expect(answer.suggestions).toEqual(suggestions.slice(3));
  });

  it('names as many as are wanted, ten at most, and none unasked', async () => {
    const { node, suggestions } = indexerHarness();
    suggestions.push(...cacheOf(12));
    const peer = node(1);
    expect((await peer.beat()).suggestions).toBeUndefined();
    expect((await peer.beat({ need: 3 })).suggestions).toEqual(suggestions.slice(0, 3));
    expect((await peer.beat({ need: 50 })).suggestions).toHaveLength(10);
  });

  it('never names the requester, itself, blacklisted peers, or addresses that nobody can use', async () => {
    const { node, suggestions, blacklisted } = indexerHarness();
    const peer = node(1);
    const [good, bad] = [testPeer(901), testPeer(902)];
    blacklisted.add(bad);
    suggestions.push(
      { ID: peer.peer, Addrs: ['/ip4/203.0.113.1/tcp/1'] },
      { ID: INDEXER, Addrs: ['/ip4/203.0.113.2/tcp/1'] },
      { ID: bad, Addrs: ['/ip4/203.0.113.3/tcp/1'] },
      { ID: testPeer(903), Addrs: ['/ip4/127.0.0.1/tcp/1'] },
      { ID: good, Addrs: ['/ip4/127.0.0.1/tcp/1', '/dns4/ix.example/tcp/1'] },
    );
    expect((await peer.beat({ need: 10 })).suggestions).toEqual([
      { ID: good, Addrs: ['/dns4/ix.example/tcp/1'] },
    ]);
  });

  it('asks at most five nodes to move while it is overloaded, and stops when it is not', async () => {
    const { node, suggestions, eventsOf, advance } = indexerHarness({
      settings: { maxNodes: 10, maxConnPerWindow: 100 },
    });
    suggestions.push(...cacheOf(8));
    const nodes = Array.from({ length: 9 }, (_, i) => node(i + 1));
    for (const peer of nodes)
      expect((await peer.beat()).suggest_migrate).toBe(peer === nodes[8] || undefined);
    const asked: boolean[] = [];
    for (const peer of nodes) asked.push((await peer.beat()).suggest_migrate === true);
    expect(asked.filter(Boolean)).toHaveLength(5);
    expect(eventsOf('offload.proposed').length).toBeGreaterThanOrEqual(5);
    const starts = new Set<string | undefined>();
    for (const peer of nodes) starts.add((await peer.beat()).suggestions?.[0]?.ID);
    expect(starts.size).toBeGreaterThan(1);
    for (const peer of nodes.slice(0, 5)) peer.lose();
    await advance(121_000, 11_000);
    const survivor = nodes[8] as (typeof nodes)[number];
    survivor.lose();
    expect((await survivor.beat()).suggest_migrate).toBeUndefined();
  });

  it('counts a node that has moved as asked no longer, so that it does not ask more than need be', async () => {
    const { node, agent, suggestions, eventsOf } = indexerHarness({ settings: { maxNodes: 6 } });
    suggestions.push(...cacheOf(8));
    const nodes = Array.from({ length: 5 }, (_, i) => node(i + 1));
    for (const peer of nodes) await peer.beat();
    const [first, second] = nodes as [(typeof nodes)[number], (typeof nodes)[number]];
    expect((await first.beat()).suggest_migrate).toBe(true);
    first.lose();
    await settle();
    expect(agent.table.size).toBe(4);
    expect(eventsOf('record.removed')).toEqual([{ peer: first.peer, reason: 'moved' }]);
    expect((await second.beat()).suggest_migrate).toBeUndefined();
    // Who was not asked may come back within two minutes, as ever.
    second.lose();
    await settle();
    expect(agent.table.size).toBe(4);
  });

  it('asks another node when one of the five has left', async () => {
    const { node, suggestions } = indexerHarness({ settings: { maxNodes: 7 } });
    suggestions.push(...cacheOf(8));
    const nodes = Array.from({ length: 7 }, (_, i) => node(i + 1));
    for (const peer of nodes) await peer.beat();
    const isAsked = async (index: number) => (await nodes[index]?.beat())?.suggest_migrate === true;
    const asked: number[] = [];
    for (const index of nodes.keys()) if (await isAsked(index)) asked.push(index);
    expect(asked).toHaveLength(5);
    const left = [0, 1, 2, 3, 4, 5, 6].filter((index) => !asked.includes(index));
    nodes[asked[0] as number]?.lose();
    await settle();
    expect(await isAsked(left[0] as number)).toBe(true);
    expect(await isAsked(left[1] as number)).toBe(false);
  });

  it('asks nobody to move when there is nowhere to go', async () => {
    const { node } = indexerHarness({ settings: { maxNodes: 1 } });
    expect((await node(1).beat()).suggest_migrate).toBeUndefined();
  });
});
