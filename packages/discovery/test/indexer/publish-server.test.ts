import { describe, expect, it } from 'vitest';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';
import { PublishServer } from '../../src/indexer/publish-server.ts';
import { peerRecordMessage } from '../../src/records/peer-record.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import type { PeerRecord } from '../../src/wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedGate, LenientBehaviour, MapDirectory, type Member, TestFleet } from '../support/members.ts';
import { exchangeWith, openTo } from '../support/streams.ts';

function setUp() {
  const fleet = new TestFleet();
  const indexer = fleet.member({ roles: { node: false, indexer: true } });
  const node = fleet.member({ name: 'alpha' });
  const parts = {
    behaviour: new LenientBehaviour(),
    table: new LiveNodeTable({ maxNodes: 10, constants: indexer.constants, clock: fleet.clock }),
    directory: new MapDirectory(),
    gate: new FixedGate(),
  };
  new PublishServer(indexer, parts).start();
  const publish = async (value: object, from: Member = node) =>
    await exchangeWith(fleet, from, indexer, PROTOCOLS.publish, value);
  return { fleet, indexer, node, parts, publish };
}

function refusal(code: string, extra: object = {}): object {
  return { error: expect.objectContaining({ code, ...extra }) };
}

describe('PublishServer', () => {
  it('stores a record and acknowledges it, without a heartbeat before', async () => {
    const { indexer, node, parts, publish } = setUp();
    const record = node.record();
    expect(await publish(record)).toEqual([{ ok: true }]);
    expect(parts.directory.puts).toEqual([record]);
    expect(parts.gate.forgotten).toEqual([node.self]);
    expect(parts.behaviour.recorded).toEqual(['publish']);
    expect(parts.table.size).toBe(0);
    expect(indexer.happened).toContainEqual({
      topic: 'publish.served',
      payload: { peer: node.self, ok: true },
    });
  });

  it('notes the record on a live entry without counting time online', async () => {
    const { fleet, node, parts, publish } = setUp();
    parts.table.upsert(node.self, { lastScore: 0, localScore: undefined, isIndexer: false });
    fleet.clock.advance(10_000);
    const record = node.record();
    await publish(record);
    const live = parts.table.get(node.self);
    expect(live?.verified?.record).toEqual(record);
    expect(live?.did).toBe(record.did);
    expect(live?.tracker.totalOnlineMs).toBe(0);
    expect(live?.tracker.lastSeen).toBe(fleet.clock.monotonic());
  });

  it('acknowledges when the DID is stored, whatever became of the peer id', async () => {
    const { node, parts, publish } = setUp();
    parts.directory.putResult = { node: true, pid: false };
    expect(await publish(node.record())).toEqual([{ ok: true }]);
    parts.directory.putResult = { node: false, pid: true };
    expect(await publish(node.record())).toEqual([refusal('internal')]);
  });

  it('DEF-38: a DHT that hangs holds up nobody else', async () => {
    const { fleet, indexer, node, parts, publish } = setUp();
    const other = fleet.member();
    let release = (): void => {};
    parts.directory.hold = new Promise((resolve) => (release = resolve));
    const slow = publish(node.record());
    await fleet.settle();
    expect(parts.directory.puts).toHaveLength(1);
    parts.directory.hold = undefined;
    expect(await publish(other.record(), other)).toEqual([{ ok: true }]);
    expect(indexer.happened.filter(({ topic }) => topic === 'publish.served')).toHaveLength(1);
    release();
    expect(await slow).toEqual([{ ok: true }]);
  });

  it('DEF-43: refuses a record that is relayed for another, with one strike for who relays it', async () => {
    const { fleet, node, parts, publish } = setUp();
    const other = fleet.member();
    expect(await publish(other.record())).toEqual([refusal('identity_mismatch')]);
    expect(parts.behaviour.strikes).toMatchObject([{ peer: node.self, weight: 1 }]);
    expect(parts.directory.puts).toEqual([]);
  });

  it('DEF-35: refuses a captured record whose expiry was moved, with two strikes', async () => {
    const { fleet, node, parts, publish } = setUp();
    const record = node.record();
    const moved = { ...record, expiry_date: new Date(fleet.clock.now() + 600_000).toISOString() };
    expect(await publish(moved)).toEqual([refusal('bad_signature')]);
    expect(parts.behaviour.strikes).toMatchObject([{ peer: node.self, weight: 2 }]);
  });

  it('DEF-39: refuses a record with the DID of another', async () => {
    const { fleet, node, parts, publish } = setUp();
    const victim = fleet.member().record();
    const { signature: _signature, ...payload } = { ...node.record(), did: victim.did };
    const forged: PeerRecord = { ...payload, signature: node.crypto.sign(peerRecordMessage(payload)) };
    expect(await publish(forged)).toEqual([refusal('identity_mismatch')]);
    expect(parts.directory.puts).toEqual([]);
  });

  it('refuses an expired record without a strike', async () => {
    const { fleet, node, parts, publish } = setUp();
    const record = node.record(10_000);
    fleet.clock.advance(15_000);
    expect(await publish(record)).toEqual([refusal('expired')]);
    expect(parts.behaviour.strikes).toEqual([]);
  });

  it('refuses another DID of a pinned peer, over the limit, and the banned', async () => {
    const { node, parts, publish } = setUp();
    parts.behaviour.identityHolds = false;
    expect(await publish(node.record())).toEqual([refusal('identity_mismatch')]);
    parts.behaviour.refuse = 'rate_limited';
    expect(await publish(node.record())).toEqual([refusal('rate_limited', { retry_after: 30 })]);
    parts.behaviour.refuse = 'banned';
    expect(await publish(node.record())).toEqual([refusal('banned', { retry_after: 30 })]);
    expect(parts.directory.puts).toEqual([]);
  });

  it('DEF-74: refuses the blacklisted, also with a live heartbeat record, and closes the connection', async () => {
    const { fleet, indexer, node, parts, publish } = setUp();
    parts.table.upsert(node.self, { lastScore: 0, localScore: undefined, isIndexer: false });
    indexer.peers.add(node.record(), RELATIONS.BLACKLIST);
    await publish(node.record());
    await fleet.settle();
    expect(indexer.overlay.isConnected(node.self)).toBe(false);
    expect(parts.directory.puts).toEqual([]);
  });

  it.each([
    ['an array', []],
    ['nothing of a record', { a: 1 }],
    ['a number as name', { name: 1 }],
  ])('DEF-54: refuses %s with one strike', async (_what, value) => {
    const { node, parts, publish } = setUp();
    expect(await publish(value)).toEqual([refusal('bad_request')]);
    expect(parts.behaviour.strikes).toMatchObject([{ peer: node.self, weight: 1 }]);
  });

  it('DEF-54: a frame that is too long costs one strike and the stream', async () => {
    const { node, parts, publish } = setUp();
    const huge = { ...node.record(), api_url: 'x'.repeat(FRAME_LIMITS.peerRecord) };
    expect(await publish(huge)).toEqual([refusal('bad_request')]);
    expect(parts.behaviour.strikes).toMatchObject([{ peer: node.self, weight: 1 }]);
  });

  it('DEF-54: a silent stream is ended after 5 s, without a strike', async () => {
    const { fleet, indexer, node, parts } = setUp();
    const stream = await openTo(fleet, node, indexer, PROTOCOLS.publish);
    await fleet.pass(4_999);
    expect(stream.hasEnded).toBe(false);
    await fleet.pass(1);
    expect(stream.isReset).toBe(true);
    expect(parts.behaviour.strikes).toEqual([]);
  });

  it('a half-closed stream without a request is told so', async () => {
    const { fleet, indexer, node } = setUp();
    const stream = await openTo(fleet, node, indexer, PROTOCOLS.publish);
    await stream.closeWrite();
    expect(await stream.read({ timeoutMs: 1_000, maxBytes: 4_096 })).toEqual(refusal('bad_request'));
  });

  it('ends the exchange after 25 s, whatever it waits for', async () => {
    const { fleet, indexer, node, parts } = setUp();
    parts.directory.hold = new Promise(() => {});
    const stream = await openTo(fleet, node, indexer, PROTOCOLS.publish);
    await stream.write(node.record(), { timeoutMs: 1_000 });
    await fleet.pass(24_999);
    expect(stream.hasEnded).toBe(false);
    await fleet.pass(1);
    expect(stream.isReset).toBe(true);
  });

  it('answers that it is shutting down', async () => {
    const { indexer, node, publish } = setUp();
    indexer.controller.abort();
    expect(await publish(node.record())).toEqual([refusal('shutting_down')]);
  });
});
