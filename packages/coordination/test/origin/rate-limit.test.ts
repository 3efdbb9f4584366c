import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RATE_WAIT_MS, RequestRate } from '../../src/origin/rate-limit.ts';

describe('RequestRate', () => {
  it('lets one second of requests through at once, and then one at a time', () => {
    const rate = new RequestRate(4);
    expect([1, 2, 3, 4, 5, 6].map(() => rate.take(1_000))).toEqual([0, 0, 0, 0, 250, 500]);
    expect(rate.take(3_000)).toBe(0);
  });

  it('refuses who would have to wait for more than ten seconds, without a turn', () => {
    const rate = new RequestRate(1);
    const waits = Array.from({ length: 14 }, () => rate.take(0));
    expect(waits.slice(0, 11)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((s) => s * 1_000));
    expect(waits.slice(11)).toEqual([undefined, undefined, undefined]);
    expect(rate.take(1_000)).toBe(MAX_RATE_WAIT_MS);
  });

  it('is no limit when it is off', () => {
    const rate = new RequestRate(0);
    for (let index = 0; index < 1_000; index++) expect(rate.take(0)).toBe(0);
  });

  it('never lets more through than the rate and one burst, whenever they come', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.2, max: 50, noNaN: true }),
        fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 100 }),
        (perSecond, gaps) => {
          const rate = new RequestRate(perSecond);
          let now = 0;
          const starts: number[] = [];
          for (const gap of gaps) {
            now += gap;
            const waitMs = rate.take(now);
            if (waitMs !== undefined) starts.push(now + waitMs);
          }
          starts.sort((a, b) => a - b);
          const burst = Math.max(1, Math.floor(perSecond));
          for (let from = 0; from < starts.length; from++) {
            for (let to = from; to < starts.length; to++) {
              const seconds = ((starts[to] as number) - (starts[from] as number)) / 1_000;
              expect(to - from + 1).toBeLessThanOrEqual(seconds * perSecond + burst + 1e-6);
            }
          }
        },
      ),
    );
  });
});
