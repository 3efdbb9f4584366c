import { ManualClock, seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { LiveNodeTable } from '../../src/indexer/node-table.ts';

const facts = { lastScore: 50, localScore: undefined, isIndexer: false };

function setUp(maxNodes = 500) {
  const clock = new ManualClock();
  const table = new LiveNodeTable({ maxNodes, clock, constants: discoveryConstants() });
  return { clock, table };
}

describe('life of a record (12.7)', () => {
  it('DEF-55: ends 120 s after the last heartbeat, not after 80', () => {
    const { clock, table } = setUp();
    table.upsert('a', facts);
    clock.advance(120_000);
    expect(table.has('a')).toBe(true);
    clock.advance(1);
    expect(table.has('a')).toBe(false);
    expect(table.size).toBe(0);
    expect(table.takeExpired().map(({ peer }) => peer)).toEqual(['a']);
    expect(table.takeExpired()).toEqual([]);
  });

  it('finds the expired ones behind a node that is still alive', () => {
    const { clock, table } = setUp();
    table.upsert('a', facts);
    table.upsert('b', facts);
    clock.advance(100_000);
    table.upsert('a', facts);
    clock.advance(30_000);
    expect(table.size).toBe(1);
    expect(table.takeExpired().map(({ peer }) => peer)).toEqual(['b']);
  });

  it('a node that is back before the clean-up keeps its uptime', () => {
    const { clock, table } = setUp();
    const { record } = table.upsert('a', facts);
    clock.advance(20_000);
    table.upsert('a', facts);
    clock.advance(125_000);
    expect(table.size).toBe(0);
    const again = table.upsert('a', facts);
    expect(again).toMatchObject({ isNew: true });
    expect(again.record).toBe(record);
    expect(record.tracker.totalOnlineMs).toBe(20_000);
    expect(table.takeExpired()).toEqual([]);
  });

  it('a node that is back after the clean-up begins anew', () => {
    const { clock, table } = setUp();
    const { record } = table.upsert('a', facts);
    clock.advance(130_000);
    table.takeExpired();
    expect(table.upsert('a', facts).record).not.toBe(record);
  });

  it('a publish refreshes the sight of a node without counting time, or extending its life', () => {
    const { clock, table } = setUp();
    const verified = { record: {} as never, expiresAt: 1 };
    table.notePublished('nobody', 'd', verified);
    expect(table.size).toBe(0);
    const { record } = table.upsert('a', facts);
    const { expiresAt } = record;
    clock.advance(5_000);
    table.notePublished('a', 'd', verified);
    expect(record).toMatchObject({ did: 'd', verified, expiresAt });
    expect(record.tracker.lastSeen).toBe(clock.monotonic());
    expect(record.tracker.totalOnlineMs).toBe(0);
  });
});

it('says how full it is', () => {
  const { table } = setUp(2);
  expect([table.fillRate, table.isFull]).toEqual([0, false]);
  for (const peer of ['a', 'b', 'c']) table.upsert(peer, facts);
  expect([table.fillRate, table.isFull]).toEqual([1, true]);
  expect([setUp(0).table.fillRate, setUp(0).table.isFull]).toEqual([0, true]);
});

it('DEF-56: samples every node alike, without touching the others', () => {
  const { table } = setUp();
  const random = seededRandom(3);
  const peers = Array.from({ length: 10 }, (_, i) => `p${i}`);
  for (const peer of peers) table.upsert(peer, facts);
  const times = new Map<string, number>();
  for (let round = 0; round < 3_000; round++) {
    let looked = 0;
    const chosen = table.sample(3, random, ({ peer }) => {
      looked += 1;
      return peer !== 'p0';
    });
    expect(new Set(chosen).size).toBe(3);
    expect(looked).toBeLessThanOrEqual(4);
    for (const { peer } of chosen) times.set(peer, (times.get(peer) ?? 0) + 1);
  }
  expect(times.has('p0')).toBe(false);
  // 1000 expected of each of the nine.
  for (const peer of peers.slice(1)) {
    expect(times.get(peer)).toBeGreaterThan(850);
    expect(times.get(peer)).toBeLessThan(1_150);
  }
});

it('agrees with a plain map, whatever happens', () => {
  const peer = fc.integer({ min: 0, max: 6 }).map((n) => `p${n}`);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('beat' as const), peer }),
    fc.record({ kind: fc.constant('remove' as const), peer }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70_000 }) }),
    fc.record({ kind: fc.constant('collect' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const { clock, table } = setUp();
      const model = new Map<string, number>();
      const random = seededRandom(1);
      for (const action of steps) {
        if (action.kind === 'beat') {
          table.upsert(action.peer, facts);
          model.set(action.peer, clock.monotonic() + 120_000);
        } else if (action.kind === 'remove') {
          table.remove(action.peer);
          model.delete(action.peer);
        } else if (action.kind === 'wait') clock.advance(action.ms);
        else table.takeExpired();
        for (const [name, until] of model) if (clock.monotonic() > until) model.delete(name);
        const expected = [...model.keys()].sort();
        expect([...table.values()].map((record) => record.peer).sort()).toEqual(expected);
        expect(table.size).toBe(expected.length);
        expect(
          table
            .sample(100, random, () => true)
            .map((record) => record.peer)
            .sort(),
        ).toEqual(expected);
      }
    }),
  );
});
