import { recordingLogger } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { ObjectIndex } from '../../src/store/object-index.ts';
import { Sweeper, type ProviderCounter, type SweepPolicy } from '../../src/store/sweep.ts';
import type { Digest } from '../../src/types.ts';
import { testDigest } from '../support/vectors.ts';

/** A sweeper over objects of 10 bytes, least recently used first. */
function setUp(
  objects: number,
  overrides: {
    policy?: Partial<SweepPolicy>;
    providers?: ProviderCounter;
    free?: () => number | undefined;
  } = {},
) {
  const index = new ObjectIndex();
  for (let object = 0; object < objects; object += 1) index.add(testDigest(object), 10, 0);
  const removed: string[] = [];
  const logger = recordingLogger();
  const time = { now: 0 };
  const sweeper = new Sweeper({
    index,
    policy: { budgetBytes: 100, headroomPercent: 10, providerThreshold: 3, ...overrides.policy },
    freeBytes: async () => (overrides.free === undefined ? 1_000 : overrides.free()),
    remove: async (digest: Digest, reason) => {
      index.delete(digest);
      removed.push(`${reason} ${Number.parseInt(digest.slice(7), 16)}`);
    },
    providers: () => overrides.providers,
    clusterSize: () => 10,
    now: () => time.now,
    yieldTurn: async () => {},
    logger,
  });
  return { index, removed, sweeper, logger, time };
}

describe('Sweeper', () => {
  it('does nothing at the budget, and goes down to 95 % once it is over', async () => {
    const at = setUp(10);
    await at.sweeper.sweep();
    expect(at.removed).toEqual([]);
    const over = setUp(11);
    await over.sweeper.sweep();
    expect(over.removed).toEqual(['evicted 0', 'evicted 1']);
  });

  it('leaves rare objects alone on the way from the budget to 95 %', async () => {
    const { removed, sweeper } = setUp(12, {
      providers: async (digest) => (digest === testDigest(2) ? 1 : 5),
    });
    await sweeper.sweep();
    expect(removed).toEqual(['evicted 0', 'evicted 1']);
    expect(sweeper.deferred).toBe(1);
  });

  it('warns when it is over its budget and all are rare', async () => {
    const { removed, sweeper, logger } = setUp(11, { providers: async () => 2 });
    await sweeper.sweep();
    expect(removed).toEqual([]);
    expect(logger.entries).toMatchObject([{ level: 'warn', fields: { bytes: 110, budget: 100 } }]);
  });

  it('asks for at most 8 counts at once, and keeps them for 60 s', async () => {
    let running = 0;
    let most = 0;
    let asked = 0;
    const { sweeper, time } = setUp(30, {
      providers: async () => {
        asked += 1;
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
        running -= 1;
        return 1;
      },
    });
    await sweeper.sweep();
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
    expect(asked).toBe(30);
    time.now = 59_999;
    await sweeper.sweep();
    expect(asked).toBe(30);
    time.now = 60_000;
    await sweeper.sweep();
    expect(asked).toBe(60);
  });

  it('forces objects out while the disk is short of room, whoever else has them', async () => {
    let looks = 0;
    const { removed, sweeper, logger } = setUp(5, {
      providers: async () => 0,
      free: () => {
        looks += 1;
        return looks <= 2 ? 9 : 10;
      },
    });
    await sweeper.sweep();
    expect(removed).toEqual(['forced 0', 'forced 1']);
    expect(sweeper.forced).toBe(2);
    expect(logger.entries[0]).toMatchObject({
      level: 'warn',
      fields: { bytes: 10, size_after: 40, budget: 100 },
    });
  });

  it('forces the newest object out only when there is no other', async () => {
    const two = setUp(2, { free: () => 0 });
    await two.sweeper.sweep(testDigest(0));
    expect(two.removed).toEqual(['forced 1']);
    await two.sweeper.sweep(testDigest(0));
    expect(two.removed).toEqual(['forced 1', 'forced 0']);
  });

  it('never forces without headroom, nor when free space cannot be told', async () => {
    for (const { removed, sweeper } of [
      setUp(3, { free: () => 0, policy: { headroomPercent: 0 } }),
      setUp(3, { free: () => undefined }),
    ]) {
      await sweeper.sweep();
      expect(removed).toEqual([]);
    }
  });

  it('runs one sweep at a time and another one for what came meanwhile', async () => {
    const gate = Promise.withResolvers<number>();
    const { index, removed, sweeper } = setUp(11, { providers: async () => gate.promise });
    const first = sweeper.sweep();
    index.add(testDigest(99), 10, 0);
    const second = sweeper.sweep(testDigest(99));
    gate.resolve(5);
    await Promise.all([first, second]);
    expect(index.totalBytes).toBe(90);
    expect(removed).toHaveLength(3);
    expect(index.get(testDigest(99))).toBeDefined();
  });
});
