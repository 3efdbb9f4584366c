import { describe, expect, it } from 'vitest';
import { discoveryErrors } from '../../src/errors.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import type { IndexerRecord, PeerRecord, SearchPeerResult } from '../../src/wire/messages.ts';
import { FrameDecoder } from '../../src/wire/frame-decoder.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { type Member, TestFleet } from '../support/members.ts';
import { hitOf, type Indexer, indexerIn, LONG } from '../support/searching.ts';
import { exchangeWith, framesOf, openTo } from '../support/streams.ts';

/** A node that searches at the first of some indexers. */
function setUp(indexers = 1) {
  const fleet = new TestFleet();
  const [emitter, ...others] = Array.from({ length: indexers }, () => indexerIn(fleet)) as [
    Indexer,
    ...Indexer[],
  ];
  const node = fleet.member();
  const begin = async (request: object, from: Member = node) => {
    const stream = await openTo(fleet, from, emitter.member, PROTOCOLS.search);
    await stream.write(request, LONG);
    const frames: unknown[] = [];
    void framesOf(stream).then((all) => frames.push(...all));
    await fleet.settle();
    return { stream, frames, next: async () => await stream.read(LONG) };
  };
  /** The names of all hits that have come when the search has gone idle. */
  const namesOf = async (request: object): Promise<string[]> => {
    const { frames } = await begin(request);
    await fleet.pass(12_000, 50);
    return (frames as SearchPeerResult[]).flatMap(({ records }) => records.map(({ name }) => name));
  };
  return { fleet, emitter, others, node, begin, namesOf };
}

function refusal(code: string): object {
  return { error: expect.objectContaining({ code }) as object };
}

describe('a search across indexers', () => {
  it('finds by name what the others know, its own first, within 200 ms', async () => {
    const { fleet, emitter, others, begin } = setUp(4);
    emitter.refer('alpha-0');
    for (const [index, other] of others.entries()) other.refer(`alpha-${index + 1}`);
    others[0]?.refer('beta');
    const { stream, frames } = await begin({ query_id: 'q', name: 'ALPHA' });
    await fleet.pass(200, 10);
    stream.reset();
    await fleet.settle();
    expect(frames).toHaveLength(4);
    const names = (frames as SearchPeerResult[]).map(({ records }) => records.map(({ name }) => name));
    expect(names[0]).toEqual(['alpha-0']);
    expect(names.slice(1).flat().sort()).toEqual(['alpha-1', 'alpha-2', 'alpha-3']);
    expect((frames as SearchPeerResult[]).every(({ query_id }) => query_id === 'q')).toBe(true);
  });

  it('finds by peer id and by DID', async () => {
    const { others, namesOf } = setUp(2);
    const record = others[0]?.refer('target') as PeerRecord;
    others[0]?.refer('bystander');
    expect(await namesOf({ query_id: 'q1', peer_id: record.peer_id })).toEqual(['target']);
    expect(await namesOf({ query_id: 'q2', did: record.did })).toEqual(['target']);
    expect(await namesOf({ query_id: 'q3', did: record.did.replace(/^./, 'x') })).toEqual([]);
  });

  it('answers with up to 100 hits', async () => {
    const { emitter, others, namesOf } = setUp(2);
    for (let node = 0; node < 101; node++) others[0]?.refer(`node-${node}`);
    expect(await namesOf({ query_id: 'q', name: 'node' })).toHaveLength(100);
    expect(emitter.server.running).toBe(0);
  });

  it('searches at the same time do not mix', async () => {
    const { fleet, others, begin } = setUp(3);
    others[0]?.refer('alpha');
    others[1]?.refer('beta');
    const second = fleet.member();
    const [one, two] = [
      await begin({ query_id: 'q1', name: 'alpha' }),
      await begin({ query_id: 'q2', name: 'beta' }, second),
    ];
    await fleet.pass(12_000, 100);
    for (const [search, query, name] of [
      [one, 'q1', 'alpha'],
      [two, 'q2', 'beta'],
    ] as const) {
      expect(search?.frames).toEqual([{ query_id: query, records: [expect.objectContaining({ name })] }]);
    }
  });

  it('goes on with what is known here when the topic fails', async () => {
    const { emitter, namesOf } = setUp(1);
    emitter.refer('alpha');
    emitter.member.overlay.gossip.publish = async () => {
      throw new Error('no mesh');
    };
    expect(await namesOf({ query_id: 'q', name: 'alpha' })).toEqual(['alpha']);
  });

  it('passes nothing on of a node whose record has expired', async () => {
    const { fleet, others, namesOf } = setUp(2);
    others[0]?.refer('alpha');
    fleet.clock.advance(900_000);
    expect(await namesOf({ query_id: 'q', name: 'alpha' })).toEqual([]);
  });
});

describe('the emitting indexer', () => {
  it('DEF-62: whitespace after the request is nothing, the search goes on until it is idle', async () => {
    const { fleet, emitter, begin } = setUp();
    const decoder = new FrameDecoder();
    decoder.push(new TextEncoder().encode('{"query_id":"q","name":"alpha"}\n\n \r\n\t\n'));
    expect(decoder.next(4_096)).toBeDefined();
    expect(decoder.next(4_096)).toBeUndefined();
    // So all that the server sees of it is a stream that stays open.
    const { stream } = await begin({ query_id: 'q', name: 'alpha' });
    await fleet.pass(4_999);
    expect(emitter.server.running).toBe(1);
    await fleet.pass(1);
    expect(emitter.server.running).toBe(0);
    expect(stream.isReset).toBe(false);
    expect(emitter.member.happened.at(-1)).toMatchObject({ payload: { reason: 'idle', side: 'indexer' } });
  });

  it('DEF-62: anything else after the request is a mistake', async () => {
    const { fleet, emitter, begin } = setUp();
    const { stream, frames } = await begin({ query_id: 'q', name: 'alpha' });
    await stream.write({ query_id: 'q2', name: 'beta' }, LONG);
    await fleet.settle();
    expect(frames).toEqual([refusal('bad_request')]);
    expect(emitter.server.running).toBe(0);
  });

  it('ends at once when the node closes its side, or is gone', async () => {
    const { fleet, emitter, begin } = setUp();
    const closing = await begin({ query_id: 'q1', name: 'alpha' });
    await closing.stream.closeWrite();
    await fleet.settle();
    expect(emitter.server.running).toBe(0);
    const resetting = await begin({ query_id: 'q2', name: 'alpha' });
    resetting.stream.reset();
    await fleet.settle();
    expect(emitter.server.running).toBe(0);
    const reasons = emitter.member.happened
      .filter(({ topic }) => topic === 'search.ended')
      .map(({ payload }) => (payload as { reason: string }).reason);
    expect(reasons).toEqual(['closed', 'closed']);
  });

  it('DEF-63: results restart the idle time-out, and nothing the cap', async () => {
    const { fleet, emitter, others, begin } = setUp(2);
    await begin({ query_id: 'q', name: 'alpha' });
    // A responder may send 5 frames, so several keep the search alive.
    const responders = Array.from({ length: 5 }, () => indexerIn(fleet));
    let sent = 0;
    for (let second = 4; second < 60; second += 4) {
      await fleet.pass(4_000, 1_000);
      const record = others[0]?.refer(`alpha-${second}`) as PeerRecord;
      const from = responders[Math.floor(sent++ / 5)] as Indexer;
      await exchangeWith(fleet, from.member, emitter.member, PROTOCOLS.searchResponse, {
        query_id: 'q',
        records: [hitOf(record)],
      });
      await fleet.settle();
      expect(emitter.server.running).toBe(1);
    }
    await fleet.pass(4_000, 1_000);
    expect(emitter.server.running).toBe(0);
    expect(emitter.member.happened.at(-1)).toMatchObject({ payload: { reason: 'limit', hits: 14 } });
  });

  it('DEF-61: a query id in use is refused, and its owner loses nothing', async () => {
    const { fleet, emitter, others, node, begin } = setUp(2);
    const owner = await begin({ query_id: 'q', name: 'alpha' });
    const thief = await begin({ query_id: 'q', name: 'beta' }, fleet.member());
    expect(thief.frames).toEqual([refusal('bad_request')]);
    others[0]?.refer('alpha');
    const record = others[0]?.refer('alpha-2') as PeerRecord;
    await exchangeWith(fleet, others[0]?.member as Member, emitter.member, PROTOCOLS.searchResponse, {
      query_id: 'q',
      records: [hitOf(record)],
    });
    await owner.stream.closeWrite();
    await fleet.settle();
    expect(owner.frames).toHaveLength(1);
    expect((await begin({ query_id: 'q', name: 'beta' }, node)).frames).toEqual([]);
  });

  it('runs 2 searches of a requester', async () => {
    const { fleet, emitter, begin } = setUp();
    const searches = [];
    for (let query = 0; query < 3; query++)
      searches.push(await begin({ query_id: `q${query}`, name: 'alpha' }));
    expect(searches.map(({ frames }) => frames)).toEqual([[], [], [refusal('too_many')]]);
    expect((await begin({ query_id: 'other', name: 'alpha' }, fleet.member())).frames).toEqual([]);
    expect(emitter.server.running).toBe(3);
  });

  it('lets in only who is known', async () => {
    const { emitter, node, begin } = setUp();
    emitter.gate.unknown.add(node.self);
    expect((await begin({ query_id: 'q', name: 'alpha' })).frames).toEqual([refusal('unknown_peer')]);
    expect(emitter.member.overlay.isConnected(node.self)).toBe(true);
  });

  it.each([
    ['no criterion', { query_id: 'q' }],
    ['an empty query id', { query_id: '', name: 'alpha' }],
    ['a name of one character', { query_id: 'q', name: 'a' }],
    ['a number as name', { query_id: 'q', name: 1 }],
    ['a list', []],
    ['too long a frame', { query_id: 'q', name: 'alpha', extra: 'x'.repeat(4_096) }],
  ])('DEF-54: refuses %s', async (_what, request) => {
    const { emitter, begin } = setUp();
    expect((await begin(request)).frames).toEqual([refusal('bad_request')]);
    expect(emitter.server.running).toBe(0);
  });

  it('DEF-54: a malformed frame after the request costs one strike', async () => {
    const { fleet, emitter, node, begin } = setUp();
    const { stream, frames } = await begin({ query_id: 'q', name: 'alpha' });
    await stream.write({ extra: 'x'.repeat(4_096) }, LONG);
    await fleet.settle();
    expect(frames).toEqual([refusal('bad_request')]);
    expect(emitter.behaviour.strikes).toMatchObject([{ peer: node.self, weight: 1 }]);
  });

  it('gives up on a requester that does not read', async () => {
    const { fleet, emitter, others, node } = setUp(2);
    const { overlay } = emitter.member;
    const stream = await openTo(fleet, node, emitter.member, PROTOCOLS.search);
    const far = stream.other;
    far.write = async (_message, { timeoutMs }) => {
      await fleet.clock.sleep(timeoutMs);
      throw discoveryErrors.create('STREAM_TIMEOUT', 'the other side does not read');
    };
    emitter.refer('alpha');
    others[0]?.refer('alpha-2');
    await stream.write({ query_id: 'q', name: 'alpha' }, LONG);
    await fleet.pass(5_000);
    expect(emitter.server.running).toBe(0);
    expect(stream.isReset).toBe(true);
    expect(overlay.isConnected(node.self)).toBe(true);
    expect(emitter.member.happened.at(-1)).toMatchObject({ payload: { reason: 'failed' } });
  });

  it('DEF-54: ends a stream without a request after 5 s', async () => {
    const { fleet, emitter, node } = setUp();
    const stream = await openTo(fleet, node, emitter.member, PROTOCOLS.search);
    await fleet.pass(5_000);
    expect(stream.isReset).toBe(true);
  });

  it('DEF-95: forgets the searches of a peer that is blacklisted, and the peer', async () => {
    const { fleet, emitter, node, begin } = setUp();
    const record = node.record();
    emitter.referenced.set(node.self, hitOf(record));
    const { frames } = await begin({ query_id: 'q', name: 'alpha' });
    await begin({ query_id: 'other', name: 'alpha' }, fleet.member());
    emitter.member.events.publish('peer.blacklisted', { peer: node.self });
    await fleet.settle();
    expect(frames.every((frame) => JSON.stringify(frame).includes('blacklisted'))).toBe(true);
    expect(emitter.member.overlay.isConnected(node.self)).toBe(false);
    expect(emitter.referenced.size).toBe(0);
    expect(emitter.server.running).toBe(1);
  });

  it('ends all searches with the daemon', async () => {
    const { fleet, emitter, begin } = setUp();
    const { frames } = await begin({ query_id: 'q', name: 'alpha' });
    emitter.member.controller.abort();
    await fleet.settle();
    expect(emitter.server.running).toBe(0);
    expect(frames).toEqual([refusal('shutting_down')]);
    expect((await begin({ query_id: 'q', name: 'alpha' })).frames).toEqual([refusal('shutting_down')]);
  });
});

describe('accepting a response', () => {
  async function searching(count = 2) {
    const world = setUp(count);
    const search = await world.begin({ query_id: 'q', name: 'alpha' });
    const respond = async (from: Member, value: object): Promise<unknown[]> => {
      const frames = await exchangeWith(
        world.fleet,
        from,
        world.emitter.member,
        PROTOCOLS.searchResponse,
        value,
      );
      await world.fleet.settle();
      return frames;
    };
    /** What the node has been sent when the search is over. */
    const sent = async (): Promise<SearchPeerResult[]> => {
      await search.stream.closeWrite();
      await world.fleet.settle();
      return search.frames as SearchPeerResult[];
    };
    const alpha = world.fleet.member({ name: 'alpha' }).record();
    return { ...world, respond, sent, alpha, response: { query_id: 'q', records: [hitOf(alpha)] } };
  }

  it('DEF-60: takes none of a node, and says nothing', async () => {
    const { fleet, emitter, respond, sent, response } = await searching();
    expect(await respond(fleet.member(), response)).toEqual([]);
    expect(await sent()).toEqual([]);
    expect(emitter.member.happened).toContainEqual({
      topic: 'search.dropped',
      payload: { query: 'q', reason: 'not from a known indexer' },
    });
  });

  it.each([
    ['in the pool', (emitter: Indexer, peer: string) => (emitter.pool.indexers = [{ ID: peer, Addrs: [] }])],
    [
      'with a valid record',
      (emitter: Indexer, peer: string) =>
        emitter.directory.indexerRecords.set(peer, { peer_id: peer } as IndexerRecord),
    ],
    [
      'that serves heartbeats',
      (_: Indexer, __: string, member: Member) => member.overlay.handle(PROTOCOLS.heartbeat, async () => {}),
    ],
  ])('takes one of an indexer %s', async (_how, make) => {
    const { fleet, emitter, respond, sent, response } = await searching();
    const sender = fleet.member();
    make(emitter, sender.self, sender);
    await respond(sender, response);
    expect(await sent()).toEqual([response]);
  });

  it('DEF-60: takes none of a blacklisted indexer', async () => {
    const { emitter, others, respond, sent, response } = await searching();
    const sender = others[0]?.member as Member;
    emitter.member.peers.add(sender.record(), RELATIONS.BLACKLIST);
    await respond(sender, response);
    expect(await sent()).toEqual([]);
  });

  it('DEF-60: drops hits that do not verify, and keeps those without a record apart, as hearsay', async () => {
    const { fleet, others, respond, sent, alpha } = await searching();
    const beta = fleet.member({ name: 'alphabet' }).record();
    await respond(others[0]?.member as Member, {
      query_id: 'q',
      records: [
        { peer_id: beta.peer_id, did: beta.did, name: 'alpha-hearsay' },
        { ...hitOf(beta), record: { ...beta, name: 'alpha-forged' }, name: 'alpha-forged' },
        { ...hitOf(beta), name: 'alpha-other' },
        hitOf(alpha),
      ],
    });
    expect((await sent()).map(({ records }) => records)).toEqual([
      [hitOf(alpha)],
      [{ peer_id: beta.peer_id, did: beta.did, name: 'alpha-hearsay' }],
    ]);
  });

  it('takes a replay, and what several indexers know, once', async () => {
    const { others, respond, sent, response } = await searching(3);
    for (const { member } of others) await respond(member, response);
    await respond(others[0]?.member as Member, response);
    expect(await sent()).toEqual([response]);
  });

  it('misses no answer from the moment on that the search runs', async () => {
    const batches: number[] = [];
    for (let offset = -30; offset <= 30; offset++) {
      const { fleet, emitter, others, node } = setUp(2);
      emitter.refer('alpha');
      const record = fleet.member({ name: 'alpha-2' }).record();
      const sender = others[0]?.member as Member;
      const stream = await openTo(fleet, node, emitter.member, PROTOCOLS.search);
      const answer = await openTo(fleet, sender, emitter.member, PROTOCOLS.searchResponse);
      const ask = () => void stream.write({ query_id: 'q', name: 'alpha' }, LONG);
      const respond = () => void answer.write({ query_id: 'q', records: [hitOf(record)] }, LONG);
      (offset < 0 ? respond : ask)();
      for (let turn = 0; turn < Math.abs(offset); turn++) await Promise.resolve();
      (offset < 0 ? ask : respond)();
      await fleet.settle();
      batches.push(stream.other.written.length);
    }
    // An answer that is early is ignored; after the first that is not, none may be.
    expect(batches.at(0)).toBe(1);
    expect(batches.at(-1)).toBe(2);
    expect(batches).toEqual([...batches].sort());
  });

  it('takes 5 frames of a sender', async () => {
    const { fleet, emitter, others, respond, sent } = await searching();
    for (let frame = 0; frame < 8; frame++) {
      const record = fleet.member({ name: `alpha-${frame}` }).record();
      await respond(others[0]?.member as Member, { query_id: 'q', records: [hitOf(record)] });
    }
    expect(await sent()).toHaveLength(5);
    expect(emitter.member.happened.filter(({ topic }) => topic === 'search.dropped')).toHaveLength(3);
  });

  it('ignores what is late, without a word or a strike', async () => {
    const { fleet, emitter, others, respond, sent, response } = await searching();
    const late = { ...response, query_id: 'over' };
    expect(await respond(others[0]?.member as Member, late)).toEqual([]);
    expect(await respond(fleet.member(), late)).toEqual([]);
    expect(emitter.directory.asked).toEqual([]);
    expect(await sent()).toEqual([]);
    expect(emitter.behaviour.strikes).toEqual([]);
  });

  it.each([
    ['no query id', { records: [] }],
    ['records that are none', { query_id: 'q', records: {} }],
    ['a hit that is none', { query_id: 'q', records: [1] }],
    ['too long a frame', { query_id: 'q', records: [], extra: 'x'.repeat(262_144) }],
  ])('DEF-54: refuses %s with one strike', async (_what, value) => {
    const { emitter, others, respond } = await searching();
    const sender = others[0]?.member as Member;
    expect(await respond(sender, value)).toEqual([refusal('bad_request')]);
    expect(emitter.behaviour.strikes).toMatchObject([{ peer: sender.self, weight: 1 }]);
  });

  it('DEF-54: ends a silent stream after 5 s', async () => {
    const { fleet, emitter, others } = await searching();
    const stream = await openTo(fleet, others[0]?.member as Member, emitter.member, PROTOCOLS.searchResponse);
    await fleet.pass(5_000);
    expect(stream.hasEnded).toBe(true);
  });
});
