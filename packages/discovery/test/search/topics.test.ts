import { describe, expect, it } from 'vitest';
import type { GossipMessage } from '../../src/overlay/overlay.ts';
import { NodeSearchTopic, NodeSearchValidator, validateSearchQuery } from '../../src/search/topics.ts';
import { type Event, signEvent } from '../../src/wire/event.ts';
import { TOPICS } from '../../src/wire/protocols.ts';
import { testPeer } from '../support/identities.ts';
import { type Member, TestFleet } from '../support/members.ts';

function message(topic: string, from: string, value: unknown): GossipMessage {
  const data = typeof value === 'string' ? value : JSON.stringify(value);
  return { topic, from, data: new TextEncoder().encode(data) };
}

let nonces = 0;

function eventOf(author: Member, changes: Partial<Event> = {}): Event {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(nonces++);
  return signEvent(
    {
      type: 'search',
      from: author.self,
      User: 'u',
      datatype: -1,
      ts: Math.floor(author.clock.now() / 1_000),
      payload: Buffer.from('{"search":"gpu"}').toString('base64'),
      nonce: nonce.toString('base64'),
      ...changes,
    },
    author.crypto,
  );
}

describe('DEF-65: the validator of oc-search-peer', () => {
  const [author, other] = [testPeer(1), testPeer(2)];
  const query = { query_id: 'q', emitter_id: author, name: 'alpha' };
  const judge = (value: unknown, from = author) =>
    validateSearchQuery(message(TOPICS.searchPeer, from, value));

  it('accepts a query of its author, whatever else it has', () => {
    expect(judge(query)).toBe('accept');
    expect(judge({ ...query, name: undefined, did: 'x', extra: [1] })).toBe('accept');
  });

  it.each([
    ['a query in the name of another', { ...query, emitter_id: other }],
    ['no query id', { ...query, query_id: undefined }],
    ['an empty query id', { ...query, query_id: '' }],
    ['a huge query id', { ...query, query_id: 'q'.repeat(129) }],
    ['no criterion', { query_id: 'q', emitter_id: author }],
    ['a number as name', { ...query, name: 1 }],
    ['no JSON', '{"query_id":'],
    ['no object', '[]'],
    ['more than 4 KiB', { ...query, extra: 'x'.repeat(4_096) }],
  ])('rejects %s', (_what, value) => {
    expect(judge(value)).toBe('reject');
  });

  it('rejects bytes that are no UTF-8', () => {
    const { data, ...rest } = message(TOPICS.searchPeer, author, query);
    const broken = Uint8Array.from(data);
    broken[14] = 0xff;
    expect(validateSearchQuery({ ...rest, data: broken })).toBe('reject');
  });
});

describe('DEF-65: the validator of oc-node-search', () => {
  function setUp() {
    const fleet = new TestFleet();
    const [author, other, receiver] = [fleet.member(), fleet.member(), fleet.member()];
    const validator = new NodeSearchValidator(receiver);
    const judge = (event: unknown, from = author.self) =>
      validator.validate(message(TOPICS.nodeSearch, from, event));
    return { fleet, author, other, judge };
  }

  it('accepts a signed event once, and rejects the replay for 5 minutes', () => {
    const { fleet, author, judge } = setUp();
    const event = eventOf(author);
    expect(judge(event)).toBe('accept');
    expect(judge(event)).toBe('reject');
    fleet.clock.advance(299_999);
    expect(judge(eventOf(author, { nonce: event.nonce }))).toBe('reject');
    fleet.clock.advance(1);
    expect(judge(eventOf(author, { nonce: event.nonce }))).toBe('accept');
  });

  it('rejects an event of another author, also when it is validly signed', () => {
    const { author, other, judge } = setUp();
    expect(judge(eventOf(other))).toBe('reject');
    expect(judge(eventOf(author), other.self)).toBe('reject');
    expect(judge({ ...eventOf(other), from: author.self })).toBe('reject');
  });

  it('DEF-78: rejects what its signature does not cover', () => {
    const { author, judge } = setUp();
    expect(judge({ ...eventOf(author), payload: '' })).toBe('reject');
    expect(judge({ ...eventOf(author), Groups: ['admins'] })).toBe('reject');
    expect(judge({ ...eventOf(author), sig: '' })).toBe('reject');
  });

  it('takes events of the last and of the next 2 minutes', () => {
    const { fleet, author, judge } = setUp();
    const now = Math.floor(fleet.clock.now() / 1_000);
    expect(judge(eventOf(author, { ts: now - 120 }))).toBe('accept');
    expect(judge(eventOf(author, { ts: now + 120 }))).toBe('accept');
    expect(judge(eventOf(author, { ts: now - 121 }))).toBe('reject');
    expect(judge(eventOf(author, { ts: now + 121 }))).toBe('reject');
  });

  it('rejects what is malformed or longer than 16 KiB', () => {
    const { author, judge } = setUp();
    expect(judge('{')).toBe('reject');
    expect(judge({ ...eventOf(author), datatype: 'all' })).toBe('reject');
    expect(judge({ ...eventOf(author), nonce: undefined })).toBe('reject');
    expect(judge(eventOf(author, { payload: Buffer.alloc(12_300).toString('base64') }))).toBe('reject');
  });

  it('a forged event does not use up the nonce of the real one', () => {
    const { author, judge } = setUp();
    const event = eventOf(author);
    expect(judge({ ...event, sig: Buffer.alloc(64).toString('base64') })).toBe('reject');
    expect(judge(event)).toBe('accept');
  });

  it('ignores the flood of one author, and nobody else', () => {
    const { author, other, judge } = setUp();
    const verdicts = Array.from({ length: 257 }, () => judge(eventOf(author)));
    expect(verdicts.slice(0, 256).every((verdict) => verdict === 'accept')).toBe(true);
    expect(verdicts[256]).toBe('ignore');
    expect(judge(eventOf(other), other.self)).toBe('accept');
  });
});

describe('NodeSearchTopic', () => {
  it('DEF-66: strict indexers join and forward, but handle nothing; nodes handle', async () => {
    const fleet = new TestFleet();
    const author = fleet.member();
    const heard: string[] = [];
    const node = fleet.member();
    const indexer = fleet.member({ roles: { node: false, indexer: true } });
    new NodeSearchTopic(node, { onSearch: (event) => heard.push(`node ${event.User}`) }).start();
    const forwarding = new NodeSearchTopic(indexer, { onSearch: () => heard.push('indexer') });
    forwarding.start();
    expect(indexer.overlay.topics.get(TOPICS.nodeSearch)?.deliver).toBeUndefined();
    const publish = (value: unknown) =>
      author.overlay.gossip.publish(TOPICS.nodeSearch, new TextEncoder().encode(JSON.stringify(value)));
    await publish(eventOf(author, { User: 'alice' }));
    await publish({ ...eventOf(author), User: 'forged' });
    expect(heard).toEqual(['node alice']);
    expect(fleet.network.rejected.map(({ by, verdict }) => [by, verdict])).toEqual([
      [node.self, 'reject'],
      [indexer.self, 'reject'],
    ]);
    forwarding.stop();
    expect(indexer.overlay.topics.has(TOPICS.nodeSearch)).toBe(false);
  });
});
