import { describe, expect, it } from 'vitest';
import { applyFailures, type FailureVerdict } from '../../src/pool/failures.ts';
import type { PoolEntry } from '../../src/pool/pool-entry.ts';
import { CONSTANTS, healthyEntry } from '../support/pool-models.ts';

const NOW = 1_000_000;
const BEFORE = NOW - 20_000;

function seed(number: number, answeredAt = BEFORE): PoolEntry {
  const entry = healthyEntry(number, answeredAt);
  entry.isSeed = true;
  return entry;
}

function apply(failed: readonly PoolEntry[], pool: readonly PoolEntry[], hasAnswer = false): FailureVerdict {
  return applyFailures(failed, pool, {
    now: NOW,
    constants: CONSTANTS,
    maxSize: 5,
    hasAnswer,
    missed: failed,
  });
}

describe('the failures of a tick (11.6)', () => {
  it('evict a non-seed at once when others answer, and ask the others for a replacement', () => {
    const down = healthyEntry(1, BEFORE);
    const up = healthyEntry(2, NOW);
    expect(apply([down], [down, up], true)).toEqual({
      victims: [down],
      recovery: { kind: 'consensus', need: 4 },
    });
  });

  it('DEF-18: evict nobody when nobody answers, until the third time', () => {
    const all = [1, 2, 3, 4].map((number) => healthyEntry(number, BEFORE));
    for (const tick of [1, 2]) {
      const { victims, recovery } = apply(all, all);
      expect(victims).toEqual([]);
      expect(recovery.kind).toBe('replenish-and-retry');
      expect(all.map(({ consecutiveFails }) => consecutiveFails)).toEqual([tick, tick, tick, tick]);
    }
    expect(apply(all, all).victims).toHaveLength(4);
  });

  it('DEF-18: do not count entries that were silent in the same tick as proof that we are online', () => {
    const cut = healthyEntry(1, BEFORE);
    const silent = healthyEntry(2, NOW - 19_500);
    const { victims } = applyFailures([cut], [cut, silent], {
      now: NOW,
      constants: CONSTANTS,
      maxSize: 5,
      hasAnswer: false,
      missed: [cut, silent],
    });
    expect(victims).toEqual([]);
  });

  it('count an entry that answered within the last tick as proof, in a partial tick', () => {
    const newcomer = healthyEntry(1, 0);
    const up = healthyEntry(2, NOW - 5_000);
    expect(apply([newcomer], [newcomer, up]).victims).toEqual([newcomer]);
  });

  it('never evict a seed', () => {
    const down = seed(1);
    const up = healthyEntry(2, NOW);
    for (let tick = 0; tick < 10; tick += 1) expect(apply([down], [down, up], true).victims).toEqual([]);
    expect(down.consecutiveFails).toBe(10);
    expect(down.isHealthy(NOW)).toBe(false);
  });

  it('DEF-19: of a pool of dead seeds start recovery, although the pool is not empty', () => {
    const seeds = [seed(1, 0), seed(2, 0)];
    expect(apply(seeds, seeds)).toEqual({
      victims: [],
      recovery: { kind: 'replenish-and-retry', need: 3 },
    });
  });

  it('of a lone indexer only count, and the third in a row evicts it (27.2)', () => {
    const lone = healthyEntry(1, BEFORE);
    expect(apply([lone], [lone]).victims).toEqual([]);
    expect(apply([lone], [lone]).victims).toEqual([]);
    expect(apply([lone], [lone])).toEqual({ victims: [lone], recovery: { kind: 'retry-seeds' } });
  });

  it('leave the best one when all would go at once', () => {
    const worn = healthyEntry(1, BEFORE, 50);
    const best = healthyEntry(2, BEFORE, 90);
    worn.consecutiveFails = 2;
    const { victims } = apply([worn, best], [worn, best]);
    expect(victims).toEqual([worn]);
  });

  it('F5: of a seed and a non-seed at once evict the non-seed, and replace with what is left', () => {
    const a = seed(1);
    const b = healthyEntry(2, BEFORE);
    const c = healthyEntry(3, NOW);
    expect(apply([a, b], [a, b, c], true)).toEqual({
      victims: [b],
      recovery: { kind: 'consensus', need: 3 },
    });
  });

  it('ask nobody for anything while nothing was lost', () => {
    const down = seed(1);
    const up = healthyEntry(2, NOW);
    expect(apply([down], [down, up], true).recovery).toEqual({ kind: 'none' });
  });
});
