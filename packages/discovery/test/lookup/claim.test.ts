import { describe, expect, it } from 'vitest';
import { PeerLookup } from '../../src/lookup/peer-lookup.ts';
import type { StreamHandler } from '../../src/overlay/overlay.ts';
import { RELATIONS } from '../../src/stores/peer-store.ts';
import type { PeerRecord } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';
import { FixedPool, TestFleet } from '../support/members.ts';

const DEADLINE = { timeoutMs: 60_000 };

/** Answers with a frame; with undefined it closes in order without one. */
function answering(answer: (record: PeerRecord, count: number) => object | undefined): {
  readonly handler: StreamHandler;
  readonly records: PeerRecord[];
} {
  const records: PeerRecord[] = [];
  return {
    records,
    handler: async (stream) => {
      const record = (await stream.read({ ...DEADLINE, maxBytes: 16_384 })) as PeerRecord;
      records.push(record);
      const value = answer(record, records.length);
      if (value !== undefined) await stream.write(value, DEADLINE);
      await stream.close();
    },
  };
}

function setUp(...handlers: readonly StreamHandler[]) {
  const fleet = new TestFleet();
  const node = fleet.member({ name: 'alpha' });
  const indexers = handlers.map((handler) => {
    const indexer = fleet.member();
    indexer.overlay.handle(PROTOCOLS.publish, handler);
    return indexer;
  });
  const pool = new FixedPool(indexers.map((indexer) => fleet.addrInfo(indexer)));
  return { fleet, node, pool, indexers, lookup: new PeerLookup(node, { pool }) };
}

const SILENT: StreamHandler = async (stream) => await stream.ended;

describe('claim', () => {
  it('publishes to every indexer and stores us as SELF', async () => {
    const [first, second] = [answering(() => ({ ok: true })), answering(() => ({ ok: true }))];
    const { fleet, node, lookup } = setUp(first.handler, second.handler);
    expect(await lookup.claim()).toEqual({ asked: 2, acks: 2 });
    expect(first.records[0]).toMatchObject({
      peer_id: node.self,
      name: 'alpha',
      expiry_date: new Date(fleet.clock.now() + 150_000).toISOString(),
    });
    expect(node.peers.self()).toMatchObject({ peer_id: node.self, relation: RELATIONS.SELF });
    expect(node.happened).toContainEqual({ topic: 'claim.published', payload: { asked: 2, acks: 2 } });
  });

  it('takes an orderly close for a yes, as old indexers mean it', async () => {
    const { lookup } = setUp(answering(() => undefined).handler);
    expect(await lookup.claim()).toEqual({ asked: 1, acks: 1 });
  });

  it('sends a fresh record, once, to who finds it expired', async () => {
    const expired = { error: { code: 'expired', message: '' } };
    const late = answering((_record, count) => (count === 1 ? expired : { ok: true }));
    expect(await setUp(late.handler).lookup.claim()).toEqual({ asked: 1, acks: 1 });
    const stubborn = answering(() => expired);
    await expect(setUp(stubborn.handler).lookup.claim()).rejects.toMatchObject({ code: 'NO_INDEXER' });
    expect(stubborn.records).toHaveLength(2);
  });

  it('counts only who has taken it, and gives the silent 10 s', async () => {
    const refusing = answering(() => ({ ok: false, error: { code: 'bad_signature', message: '' } }));
    const garbling = answering(() => ({ ok: 'yes' }));
    const taking = answering(() => ({ ok: true }));
    const { fleet, lookup } = setUp(SILENT, refusing.handler, garbling.handler, taking.handler);
    let result: object | undefined;
    void lookup.claim().then((value) => (result = value));
    await fleet.pass(9_999);
    expect(result).toBeUndefined();
    await fleet.pass(1);
    expect(result).toEqual({ asked: 4, acks: 1 });
  });

  it('fails without an indexer, and stores nothing', async () => {
    const { node, lookup } = setUp();
    await expect(lookup.claim()).rejects.toMatchObject({ code: 'NO_INDEXER', details: { asked: 0 } });
    expect(node.peers.list()).toEqual([]);
  });

  it('DEF-91: is tried again when the pool recovers, and each minute, until it succeeds', async () => {
    const taking = answering((_record, count) => (count < 3 ? { ok: false } : { ok: true }));
    const { fleet, node, pool, lookup } = setUp(taking.handler);
    const indexers = pool.indexers;
    pool.indexers = [];
    let isDone = false;
    void lookup.keepClaiming().then(() => (isDone = true));
    await fleet.settle();
    pool.indexers = indexers;
    node.events.publish('pool.healthy', { healthy: 0, size: 1 });
    await fleet.settle();
    expect(taking.records).toHaveLength(0);
    node.events.publish('pool.healthy', { healthy: 1, size: 1 });
    await fleet.settle();
    expect(taking.records).toHaveLength(1);
    await fleet.pass(60_000);
    expect(taking.records).toHaveLength(2);
    expect(isDone).toBe(false);
    await fleet.pass(60_000);
    expect(isDone).toBe(true);
    await fleet.pass(600_000);
    expect(taking.records).toHaveLength(3);
  });

  it('stops trying with the daemon', async () => {
    const { fleet, node, lookup } = setUp();
    const claiming = lookup.keepClaiming();
    await fleet.settle();
    node.controller.abort();
    await claiming;
    expect(node.peers.list()).toEqual([]);
  });
});
