import { describe, expect, it } from 'vitest';
import { isEvictedByScore, sentence } from '../../src/pool/eviction.ts';
import type { PoolEntry } from '../../src/pool/pool-entry.ts';
import { CONSTANTS, healthyEntry, testEntry } from '../support/pool-models.ts';

const HOUR = 3_600_000;

/** Online for 2 minutes, and now this old. */
function aged(score: number, now: number): PoolEntry {
  const entry = testEntry(1);
  for (const at of [0, 60_000, 120_000]) entry.uptime.recordHeartbeat(at);
  entry.score = score;
  entry.isResponding = true;
  entry.lastAnswered = now;
  return entry;
}

describe('eviction by score (14.4)', () => {
  const now = 12 * HOUR;
  const other = healthyEntry(2, now);

  it('asks for the minimum of the age', () => {
    const low = aged(49.9, now);
    const enough = aged(50, now);
    expect(isEvictedByScore(low, [low, other], now, CONSTANTS)).toBe(true);
    expect(isEvictedByScore(enough, [enough, other], now, CONSTANTS)).toBe(false);
  });

  it('spares seeds, entries without a score, and those that were not online for 120 s', () => {
    const seed = aged(1, now);
    seed.isSeed = true;
    const young = healthyEntry(3, now, 1);
    const unscored = aged(1, now);
    unscored.score = undefined;
    for (const entry of [seed, young, unscored]) {
      expect(isEvictedByScore(entry, [entry, other], now, CONSTANTS)).toBe(false);
    }
  });

  it('DEF-24: never takes the last healthy one, whatever else is in the pool', () => {
    const low = aged(1, now);
    const dead = healthyEntry(2, 0);
    expect(isEvictedByScore(low, [low, dead], now, CONSTANTS)).toBe(false);
  });
});

describe('the sentence for hard evidence (13.8, 14.10)', () => {
  const now = 1_000;
  const convicted = (isSeed: boolean): PoolEntry => {
    const entry = healthyEntry(1, now);
    entry.isSeed = isSeed;
    for (let i = 0; i < 3; i += 1) entry.evidence.add('own-challenge', false);
    return entry;
  };

  it('is eviction for a non-seed', () => {
    const entry = convicted(false);
    expect(sentence(entry, [entry], now, CONSTANTS).kind).toBe('evict');
  });

  it('takes the flag from a seed, and evicts it once another entry is healthy', () => {
    const entry = convicted(true);
    expect(sentence(entry, [entry, healthyEntry(2, -100_000)], now, CONSTANTS).kind).toBe('discharge');
    expect(sentence(entry, [entry, healthyEntry(2, now)], now, CONSTANTS).kind).toBe('evict');
  });

  it('is none without evidence', () => {
    const entry = healthyEntry(1, now);
    expect(sentence(entry, [entry], now, CONSTANTS)).toEqual({ kind: 'none' });
  });
});
