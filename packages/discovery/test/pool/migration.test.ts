import { describe, expect, it } from 'vitest';
import { migrationStep, noteChallengers } from '../../src/pool/migration.ts';
import type { PoolEntry } from '../../src/pool/pool-entry.ts';
import { CONSTANTS, healthyEntry } from '../support/pool-models.ts';

const NOW = 100_000;
const step = (entry: PoolEntry, pool: readonly PoolEntry[], now = NOW, minIndexer = 1) =>
  migrationStep(entry, pool, { now, minIndexer, constants: CONSTANTS });

describe('migration (14.3)', () => {
  it('evicts a non-seed and discharges a seed when there are alternatives', () => {
    const full = healthyEntry(1, NOW);
    const other = healthyEntry(2, NOW);
    expect(step(full, [full, other])).toBe('evict');
    full.isSeed = true;
    expect(step(full, [full, other])).toBe('discharge');
  });

  it('DEF-24: counts only healthy others that are no seeds', () => {
    const full = healthyEntry(1, NOW);
    const dead = healthyEntry(2, 0);
    const seed = healthyEntry(3, NOW);
    seed.isSeed = true;
    expect(step(full, [full])).toBe('stay');
    expect(step(full, [full, dead, seed])).toBe('stay');
    expect(step(full, [full, healthyEntry(4, NOW)], NOW, 2)).toBe('stay');
  });

  it('gives up an entry older than a day only for one that was 15 points better for 10 minutes (24.3)', () => {
    const day = CONSTANTS.dayMs;
    const old = healthyEntry(1, day, 70);
    const better = healthyEntry(2, day, 86);
    const pool = [old, better];
    expect(step(old, pool, day)).toBe('stay');
    noteChallengers(old, pool, day);
    const later = day + CONSTANTS.switchPatienceMs;
    for (const entry of pool) entry.lastAnswered = later;
    expect(step(old, pool, later - 1)).toBe('stay');
    expect(step(old, pool, later)).toBe('evict');
    better.score = 85;
    noteChallengers(old, pool, later);
    expect(step(old, pool, later)).toBe('stay');
  });
});
