import { describe, expect, it } from 'vitest';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { PeerLookup } from '../../src/lookup/peer-lookup.ts';
import { ownDid, ownName, ownRecord } from '../../src/lookup/own-record.ts';
import type { StreamHandler } from '../../src/overlay/overlay.ts';
import { derivedDid } from '../../src/records/did.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import type { GetValue, PeerRecord } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedPool, type Member, TestFleet, verifiedOf } from '../support/members.ts';

type Answer = (request: GetValue) => object | undefined;

const DEADLINE = { timeoutMs: 60_000 };
const NOT_FOUND: Answer = () => ({ found: false, records: {} });
const REFUSED: Answer = () => ({ error: { code: 'unknown_peer', message: 'heartbeat first' } });
const SILENT: Answer = () => undefined;

function found(...records: readonly PeerRecord[]): Answer {
  return () => ({
    found: true,
    records: Object.fromEntries(records.map((record) => [record.peer_id, record])),
  });
}

/** A node with indexers that answer P5 as told, in the order of its pool. */
function setUp(...answers: readonly Answer[]) {
  const fleet = new TestFleet();
  const node = fleet.member({ name: 'me' });
  const sought = fleet.member({ name: 'sought' });
  const asked: { readonly indexer: number; readonly request: GetValue }[] = [];
  const indexers = answers.map((answer, indexer) => {
    const member = fleet.member({ roles: { node: false, indexer: true } });
    member.overlay.handle(PROTOCOLS.get, async (stream) => {
      const request = (await stream.read({ ...DEADLINE, maxBytes: 4_096 })) as GetValue;
      asked.push({ indexer, request });
      const value = answer(request);
      if (value === undefined) return await stream.ended;
      await stream.write(value, DEADLINE);
      await stream.close();
    });
    return member;
  });
  const pool = new FixedPool(indexers.map((indexer) => fleet.addrInfo(indexer)));
  return { fleet, node, sought, asked, indexers, pool, lookup: new PeerLookup(node, { pool }) };
}

describe('getPeerRecord', () => {
  it('finds by peer id and by DID, and tells the pool where the peer is', async () => {
    let record: PeerRecord | undefined;
    const { fleet, sought, asked, pool, lookup } = setUp((request) => found(record as PeerRecord)(request));
    record = sought.record();
    const byPeer = await lookup.getPeerRecord(sought.self);
    expect(byPeer).toMatchObject({ peer_id: sought.self, name: 'sought', relation: RELATIONS.NONE, record });
    expect(await lookup.getPeerRecord(record.did)).toEqual(byPeer);
    expect(asked.map(({ request }) => request)).toEqual([
      { key: '', peer_id: sought.self },
      { key: record.did },
    ]);
    expect(pool.known[0]).toEqual(fleet.addrInfo(sought));
  });

  it('answers for itself, without asking', async () => {
    const { node, asked, lookup } = setUp(NOT_FOUND);
    const self = await lookup.getPeerRecord(node.self);
    expect(self).toMatchObject({ peer_id: node.self, name: 'me', relation: RELATIONS.SELF });
    expect(await lookup.getPeerRecord(ownDid(node))).toEqual(self);
    expect(asked).toEqual([]);
  });

  it('on an indexer, knows first who is in its own live records', async () => {
    const { fleet, node, sought, pool } = setUp(NOT_FOUND, NOT_FOUND);
    const table = new LiveNodeTable({ maxNodes: 10, constants: node.constants, clock: fleet.clock });
    const lookup = new PeerLookup(node, { pool, table });
    const record = sought.record(60_000);
    table.upsert(sought.self, { lastScore: 0, localScore: undefined, isIndexer: false });
    table.notePublished(sought.self, record.did, verifiedOf(record));
    expect((await lookup.getPeerRecord(sought.self)).record).toEqual(record);
    expect((await lookup.getPeerRecord(record.did)).record).toEqual(record);
    fleet.clock.advance(60_000);
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  });

  it('uses a stored record for 60 s, and not when it was tampered with or has expired', async () => {
    const { fleet, node, sought, asked, lookup } = setUp(NOT_FOUND, NOT_FOUND);
    const stored = node.peers.add(sought.record(30_000), RELATIONS.PARTNER, fleet.clock.now());
    expect(await lookup.getPeerRecord(sought.self)).toEqual(stored);
    expect(await lookup.getPeerRecord(stored.id)).toEqual(stored);
    expect(asked).toEqual([]);
    fleet.clock.advance(30_000);
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
    node.peers.add({ ...sought.record(), name: 'forged' }, RELATIONS.PARTNER, fleet.clock.now());
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
    node.peers.add(sought.record(), RELATIONS.PARTNER, fleet.clock.now() - 60_000);
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  });

  it('DEF-64: a first "not found" is not the last word, a second one is', async () => {
    let record: PeerRecord | undefined;
    const second = setUp(NOT_FOUND, (request) => found(record as PeerRecord)(request));
    record = second.sought.record();
    expect((await second.lookup.getPeerRecord(second.sought.self)).peer_id).toBe(second.sought.self);
    const third = setUp(NOT_FOUND, NOT_FOUND, NOT_FOUND);
    await expect(third.lookup.getPeerRecord(third.sought.self)).rejects.toMatchObject({
      code: 'PEER_NOT_FOUND',
    });
    expect(third.asked.map(({ indexer }) => indexer)).toEqual([0, 1]);
  });

  it('goes on to the next indexer after a failure, which is no opinion', async () => {
    let record: PeerRecord | undefined;
    const { fleet, sought, asked, lookup, indexers } = setUp(
      NOT_FOUND,
      REFUSED,
      () => ({ found: 'yes' }),
      (request) => found(record as PeerRecord)(request),
    );
    record = sought.record();
    fleet.network.isolate(indexers[0]?.self ?? '');
    expect((await lookup.getPeerRecord(sought.self)).peer_id).toBe(sought.self);
    expect(asked.map(({ indexer }) => indexer)).toEqual([1, 2, 3]);
  });

  it('gives a silent indexer 15 s', async () => {
    const { fleet, sought, asked, lookup } = setUp(SILENT, NOT_FOUND);
    const lookedUp = expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({
      code: 'PEER_NOT_FOUND',
    });
    await fleet.pass(14_999);
    expect(asked).toHaveLength(1);
    await fleet.pass(1);
    await lookedUp;
    expect(asked).toHaveLength(2);
  });

  it('DEF-37: many at once each get what they asked for', async () => {
    const known = new Map<string, PeerRecord>();
    const { fleet, lookup } = setUp(({ peer_id }) =>
      found(known.get(peer_id ?? '') as PeerRecord)({ key: '' }),
    );
    const members = Array.from({ length: 20 }, () => fleet.member());
    for (const member of members) known.set(member.self, member.record());
    const peers = await Promise.all(members.map(async ({ self }) => await lookup.getPeerRecord(self)));
    expect(peers.map(({ peer_id }) => peer_id)).toEqual(members.map(({ self }) => self));
  });

  it.each([
    ['the record of another peer', (_: Member, other: Member) => found(other.record())],
    [
      'the record of another under the key that was asked for',
      (sought: Member, other: Member): Answer =>
        () => ({ found: true, records: { [sought.self]: other.record() } }),
    ],
    [
      'the right record under the key of another',
      (sought: Member, other: Member): Answer =>
        () => ({ found: true, records: { [other.self]: sought.record() } }),
    ],
    ['a forged record', (sought: Member) => found({ ...sought.record(), api_url: 'http://evil.example' })],
    ['"found" without a record', (): Answer => () => ({ found: true, records: {} })],
  ])('DEF-39: never takes %s', async (_what, lie) => {
    let answer: Answer = NOT_FOUND;
    const { fleet, sought, lookup } = setUp(
      (request) => answer(request),
      (request) => answer(request),
    );
    answer = lie(sought, fleet.member());
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  });

  it('says that a peer is offline when its newest record has expired, but asks a second indexer first', async () => {
    let old: PeerRecord | undefined;
    let fresh: Answer = NOT_FOUND;
    const { fleet, sought, lookup } = setUp(
      (request) => found(old as PeerRecord)(request),
      (request) => fresh(request),
    );
    old = sought.record(1_000);
    fleet.clock.advance(3_000);
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_OFFLINE' });
    fleet.clock.advance(60_000);
    await expect(lookup.getPeerRecord(old.did)).rejects.toMatchObject({ code: 'PEER_OFFLINE' });
    fresh = found(sought.record());
    expect((await lookup.getPeerRecord(sought.self)).peer_id).toBe(sought.self);
  });

  it('a record that claims to live too long does not make its peer offline', async () => {
    let record: PeerRecord | undefined;
    const { sought, lookup } = setUp((request) => found(record as PeerRecord)(request));
    record = sought.record(3_600_000);
    await expect(lookup.getPeerRecord(sought.self)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  });

  it('says when no indexer answers', async () => {
    const empty = setUp();
    await expect(empty.lookup.getPeerRecord(empty.sought.self)).rejects.toMatchObject({ code: 'NO_INDEXER' });
    const refused = setUp(REFUSED, REFUSED);
    await expect(refused.lookup.getPeerRecord(refused.sought.self)).rejects.toMatchObject({
      code: 'NO_INDEXER',
    });
  });

  it('renews who is stored, with the relation it has, and stores nobody else', async () => {
    let record: PeerRecord | undefined;
    const { fleet, node, sought, lookup } = setUp((request) => found(record as PeerRecord)(request));
    record = sought.record();
    await lookup.getPeerRecord(sought.self);
    expect(node.peers.list()).toEqual([]);
    node.peers.add(sought.record(1), RELATIONS.PARTNER, 0);
    await lookup.getPeerRecord(sought.self);
    expect(node.peers.findByPeerId(sought.self)).toMatchObject({
      relation: RELATIONS.PARTNER,
      updated_at: fleet.clock.now(),
      record,
    });
  });

  it('a DID that is stored with one key is not taken over by another', async () => {
    const storedDid = '11111111-2222-4333-8444-555555555555';
    let record: PeerRecord | undefined;
    const { fleet, asked } = setUp();
    const settings = { didMode: 'stored' as const, storedDid };
    const [owner, thief, asker, indexer] = [
      fleet.member(settings),
      fleet.member(settings),
      fleet.member({ didMode: 'stored' }),
      fleet.member(),
    ];
    const serve: StreamHandler = async (stream) => {
      await stream.write(found(record as PeerRecord)({ key: '' }) as object, DEADLINE);
      await stream.close();
    };
    indexer.overlay.handle(PROTOCOLS.get, serve);
    const lookup = new PeerLookup(asker, { pool: new FixedPool([fleet.addrInfo(indexer)]) });
    asker.peers.add(owner.record(), RELATIONS.PARTNER, 0);
    record = thief.record();
    await expect(lookup.getPeerRecord(storedDid)).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
    record = owner.record();
    expect((await lookup.getPeerRecord(storedDid)).peer_id).toBe(owner.self);
    expect(asked).toEqual([]);
  });
});

describe('our own record', () => {
  it('says what is configured', () => {
    const fleet = new TestFleet();
    const member = fleet.member({ name: 'alpha', hostname: 'http://alpha.example', natsAddress: 'nats://n' });
    const [address] = fleet.addrInfo(member).Addrs;
    expect(ownRecord(member, 150_000)).toMatchObject({
      name: 'alpha',
      did: derivedDid(member.self),
      api_url: 'http://alpha.example',
      nats_address: 'nats://n',
      stream_address: `${address}/p2p/${member.self}`,
      expiry_date: new Date(fleet.clock.now() + 150_000).toISOString(),
    });
  });

  it('has a name and a DID of its own when none is configured, and the stored DID when it is', () => {
    const fleet = new TestFleet();
    const member = fleet.member({ name: '' });
    expect(ownName(member)).toBe(`oc-${member.self.slice(-6)}`);
    expect(ownDid(member)).toBe(derivedDid(member.self));
    const storedDid = '11111111-2222-4333-8444-555555555555';
    expect(ownDid(fleet.member({ didMode: 'stored', storedDid }))).toBe(storedDid);
  });
});
