import { describe, expect, it } from 'vitest';
import { answer, CONSTANTS, healthyEntry, testEntry } from '../support/pool-models.ts';

describe('an entry of the pool (11.1)', () => {
  it('is healthy for two ticks and 5 s after an answer, and while nothing fails', () => {
    const entry = healthyEntry(1, 1_000);
    expect(entry.isHealthy(46_000)).toBe(true);
    expect(entry.isHealthy(46_001)).toBe(false);
    entry.isResponding = false;
    expect(entry.isHealthy(1_000)).toBe(false);
    expect(testEntry().isHealthy(0)).toBe(false);
  });

  it('shows the counters behind each term', () => {
    const entry = testEntry();
    answer(entry, 20_000);
    entry.noteWitnessSubnet('100.64.1');
    entry.noteWitnessSubnet('100.64.1');
    expect(entry.view(20_000, true)).toMatchObject({
      isReferent: true,
      minimumScore: expect.closeTo(20, 1),
      confidence: expect.closeTo(1.2 / 2.2, 10),
      evidence: {
        answers: 1,
        fillChecked: 1,
        alpha: 1.2,
        beta: 1,
        verificationsPassed: 0,
        witnessSubnets: 1,
      },
    });
  });

  it('has no terms before its first answer', () => {
    expect(testEntry().view(0, false)).toMatchObject({
      score: undefined,
      terms: undefined,
      bornAt: undefined,
    });
  });

  it('DEF-52: ages its counters every full hour', () => {
    const entry = testEntry();
    for (let i = 0; i < 40; i += 1) entry.challenge.add(false);
    entry.updateScore(CONSTANTS.hourMs - 1);
    expect(entry.challenge.checked).toBe(40);
    entry.updateScore(CONSTANTS.hourMs);
    expect(entry.challenge.checked).toBe(20);
    entry.updateScore(1_000 * CONSTANTS.hourMs);
    expect(entry.challenge.checked).toBe(20);
  });
});
