import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distinctBudget, DistinctCounter, UNCOUNTED_LOOKUPS } from '../../src/admission/distinct-counter.ts';

describe('the count of different ids', () => {
  test('stops within a few per cent of the budget, for ids in a row and for any seed', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(500, 3_000, 10_000, 100_000),
        fc.integer({ min: 0, max: 0xff00_0000 }),
        (seed, ids, first) => {
          const budget = distinctBudget(ids, 60_000, seed);
          const counter = new DistinctCounter();
          let allowed = 0;
          while (counter.count(budget, (first + allowed) >>> 0, 1_000)) allowed += 1;
          expect(allowed - UNCOUNTED_LOOKUPS).toBeGreaterThan(ids * 0.8);
          expect(allowed - UNCOUNTED_LOOKUPS).toBeLessThan(ids * 1.2);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the same ids again cost nothing', () => {
    const budget = distinctBudget(500, 60_000, 7);
    const counter = new DistinctCounter();
    let refused = 0;
    for (let round = 0; round < 1_000; round++) {
      for (let id = 1; id <= 100; id++) if (!counter.count(budget, id, round)) refused += 1;
    }
    expect(refused).toBe(0);
  });

  test('beyond the budget everything is refused until the window ends', () => {
    const budget = distinctBudget(500, 60_000, 7);
    const counter = new DistinctCounter();
    let id = 0;
    while (counter.count(budget, ++id, 1_000));
    expect(counter.count(budget, 1, 60_999)).toBe(false);
    expect(counter.waitMs(31_000)).toBe(30_000);
    expect(counter.count(budget, 1, 61_000)).toBe(true);
  });

  test('memory is bounded', () => {
    expect(distinctBudget(1, 60_000, 0).words * 4).toBe(128);
    expect(distinctBudget(10_000, 60_000, 0).words * 4).toBe(1_024);
    expect(distinctBudget(1e9, 60_000, 0).words * 4).toBe(16_384);
  });
});
