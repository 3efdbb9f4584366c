import { describe, expect, it } from 'vitest';
import { GetServer } from '../../src/indexer/get-server.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedGate, LenientBehaviour, MapDirectory, TestFleet, verifiedOf } from '../support/members.ts';
import { exchangeWith, openTo } from '../support/streams.ts';

function setUp() {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const [asker, sought] = [fleet.member(), fleet.member({ name: 'sought' })];
  const parts = {
    behaviour: new LenientBehaviour(),
    table: new LiveNodeTable({ maxNodes: 10, constants: indexer.constants, clock: fleet.clock }),
    directory: new MapDirectory(),
    gate: new FixedGate(),
  };
  new GetServer(indexer, parts).start();
  const get = async (value: object) => await exchangeWith(fleet, asker, indexer, PROTOCOLS.get, value);
  return { fleet, indexer, asker, sought, parts, get };
}

const NOT_FOUND = [{ found: false, records: {} }];

function refusal(code: string, extra: object = {}): object[] {
  return [{ error: expect.objectContaining({ code, ...extra }) as object }];
}

describe('GetServer', () => {
  it('answers from the live records first, by peer id and by DID', async () => {
    const { sought, parts, get } = setUp();
    const record = sought.record();
    parts.table.upsert(sought.self, { lastScore: 0, localScore: undefined, isIndexer: false });
    parts.table.notePublished(sought.self, record.did, verifiedOf(record));
    const found = [{ found: true, records: { [sought.self]: record } }];
    expect(await get({ key: '', peer_id: sought.self })).toEqual(found);
    expect(await get({ key: record.did })).toEqual(found);
    expect(parts.directory.asked).toEqual([]);
  });

  it('asks the DHT for what it has not, or not any more', async () => {
    const { fleet, sought, parts, get } = setUp();
    const old = sought.record(10_000);
    parts.table.upsert(sought.self, { lastScore: 0, localScore: undefined, isIndexer: false });
    parts.table.notePublished(sought.self, old.did, verifiedOf(old));
    fleet.clock.advance(10_000);
    expect(await get({ key: '', peer_id: sought.self })).toEqual(NOT_FOUND);
    const record = sought.record();
    parts.directory.byPeerId.set(sought.self, verifiedOf(record));
    const found = [{ found: true, records: { [sought.self]: record } }];
    expect(await get({ key: '', peer_id: sought.self })).toEqual(found);
    expect(await get({ key: record.did })).toEqual(found);
    expect(parts.directory.asked).toEqual([
      `peer ${sought.self}`,
      `peer ${sought.self}`,
      `did ${record.did}`,
    ]);
  });

  it('prefers the peer id to the DID', async () => {
    const { asker, sought, parts, get } = setUp();
    for (const { self, record } of [asker, sought]) parts.directory.byPeerId.set(self, verifiedOf(record()));
    const [answer] = await get({ key: asker.record().did, peer_id: sought.self });
    expect(Object.keys((answer as { records: object }).records)).toEqual([sought.self]);
  });

  it('DEF-37: requests at the same time each get their own answer', async () => {
    const { asker, sought, parts, get } = setUp();
    for (const { self, record } of [asker, sought]) parts.directory.byPeerId.set(self, verifiedOf(record()));
    const peers = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? asker.self : sought.self));
    const answers = await Promise.all(peers.map(async (peer_id) => await get({ key: '', peer_id })));
    expect(answers.map(([answer]) => Object.keys((answer as { records: object }).records)[0])).toEqual(peers);
  });

  it('answers "not found" to keys that can be none, without a look-up', async () => {
    const { parts, get } = setUp();
    expect(await get({ key: 'alpha' })).toEqual(NOT_FOUND);
    expect(parts.directory.asked).toEqual([]);
  });

  it('lets in only who is known, and counts only those', async () => {
    const { asker, sought, parts, get } = setUp();
    parts.gate.unknown.add(asker.self);
    expect(await get({ key: '', peer_id: sought.self })).toEqual(refusal('unknown_peer'));
    expect(parts.behaviour.recorded).toEqual([]);
    parts.gate.unknown.clear();
    parts.behaviour.refuse = 'rate_limited';
    expect(await get({ key: '', peer_id: sought.self })).toEqual(
      refusal('rate_limited', { retry_after: 30 }),
    );
    expect(parts.behaviour.recorded).toEqual(['get']);
  });

  it('DEF-75: an unknown peer keeps its connection, a blacklisted one does not', async () => {
    const { fleet, indexer, asker, sought, parts, get } = setUp();
    parts.gate.unknown.add(asker.self);
    await get({ key: '', peer_id: sought.self });
    await fleet.settle();
    expect(indexer.overlay.isConnected(asker.self)).toBe(true);
    indexer.peers.add(asker.record(), RELATIONS.BLACKLIST);
    await get({ key: '', peer_id: sought.self });
    await fleet.settle();
    expect(indexer.overlay.isConnected(asker.self)).toBe(false);
  });

  it.each([
    ['neither key nor peer id', { key: '' }],
    ['a number as key', { key: 1 }],
    ['no peer id as peer id', { key: '', peer_id: 'alpha' }],
    ['an array', []],
    ['too long a frame', { key: '', extra: 'x'.repeat(FRAME_LIMITS.getValue) }],
  ])('DEF-54: refuses %s', async (_what, value) => {
    const { get } = setUp();
    expect(await get(value)).toEqual(refusal('bad_request'));
  });

  it('DEF-54: ends a silent stream after 5 s, and one that never gets its answer after 15', async () => {
    const { fleet, indexer, asker, sought, parts } = setUp();
    const silent = await openTo(fleet, asker, indexer, PROTOCOLS.get);
    await fleet.pass(5_000);
    expect(silent.isReset).toBe(true);
    parts.directory.hold = new Promise(() => {});
    const stuck = await openTo(fleet, asker, indexer, PROTOCOLS.get);
    await stuck.write({ key: '', peer_id: sought.self }, { timeoutMs: 1_000 });
    await fleet.pass(14_999);
    expect(stuck.hasEnded).toBe(false);
    await fleet.pass(1);
    expect(stuck.isReset).toBe(true);
  });

  it('serves one request a stream: a second one is not answered', async () => {
    const { fleet, indexer, asker, sought } = setUp();
    const stream = await openTo(fleet, asker, indexer, PROTOCOLS.get);
    const request = { key: '', peer_id: sought.self };
    await stream.write(request, { timeoutMs: 1_000 });
    await stream.write(request, { timeoutMs: 1_000 });
    const options = { timeoutMs: 1_000, maxBytes: 4_096 };
    expect(await stream.read(options)).toEqual(NOT_FOUND[0]);
    expect(await stream.read(options)).toBeUndefined();
  });
});
