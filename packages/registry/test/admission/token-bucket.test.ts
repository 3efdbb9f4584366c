import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenBucket, TokenRate } from '../../src/admission/index.ts';

describe('a token bucket', () => {
  test('gives its burst at once and then its rate', () => {
    const bucket = new TokenBucket(TokenRate.of(10, 5));
    const now = 1_000_000;
    for (let taken = 0; taken < 5; taken++) expect(bucket.take(1, now)).toBe(true);
    expect(bucket.take(1, now)).toBe(false);
    expect(bucket.waitMs(1, now)).toBe(100);
    expect(bucket.take(1, now + 99)).toBe(false);
    expect(bucket.take(1, now + 100)).toBe(true);
    expect(bucket.take(1, now + 100)).toBe(false);
    expect(bucket.waitMs(5, now + 100)).toBe(500);
  });

  test('a request larger than the bucket waits for a full one, and is paid for afterwards', () => {
    const bucket = new TokenBucket(TokenRate.of(10, 5));
    expect(bucket.take(1, 1_000)).toBe(true);
    expect(bucket.take(50, 1_000)).toBe(false);
    expect(bucket.waitMs(50, 1_000)).toBe(100);
    expect(bucket.take(50, 1_100)).toBe(true);
    expect(bucket.waitMs(1, 1_100)).toBe(4_600);
    expect(bucket.take(1, 5_699)).toBe(false);
    expect(bucket.take(1, 5_700)).toBe(true);
  });

  test('without a limit everything passes, whatever the clock does', () => {
    const bucket = new TokenBucket(TokenRate.unlimited);
    for (const now of [5, 3, 9, 9, 0]) expect(bucket.take(1e9, now)).toBe(true);
    expect(bucket.waitMs(1e9, 0)).toBe(0);
  });

  test.each([
    [0, 1],
    [1, 0],
    [Number.NaN, 1],
    [1, Number.POSITIVE_INFINITY],
  ])('a rate of %d/s with a burst of %d is refused', (rate, burst) => {
    expect(() => TokenRate.of(rate, burst)).toThrowError(RangeError);
  });

  const arrivals = fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 400 }), tokens: fc.integer({ min: 1, max: 40 }) }),
    { maxLength: 200 },
  );

  test('never gives more than burst + rate * time within any span', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 40, max: 200 }),
        arrivals,
        (rate, burst, steps) => {
          const bucket = new TokenBucket(TokenRate.of(rate, burst));
          const given: { at: number; tokens: number }[] = [];
          let now = 10_000;
          for (const { waitMs, tokens } of steps) {
            now += waitMs;
            if (bucket.take(tokens, now)) given.push({ at: now, tokens });
          }
          for (let first = 0; first < given.length; first++) {
            let sum = 0;
            for (let last = first; last < given.length; last++) {
              sum += given[last]?.tokens ?? 0;
              const spanMs = (given[last]?.at ?? 0) - (given[first]?.at ?? 0);
              expect(sum).toBeLessThanOrEqual(burst + (rate * spanMs) / 1000 + 1e-6);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the promised wait is enough, and nothing less is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 60 }),
        arrivals,
        (rate, burst, steps) => {
          const bucket = new TokenBucket(TokenRate.of(rate, burst));
          let now = 10_000;
          for (const { waitMs, tokens } of steps) {
            now += waitMs;
            const needed = bucket.waitMs(tokens, now);
            if (needed >= 2) expect(bucket.take(tokens, now + needed - 2)).toBe(false);
            now += needed + 1;
            expect(bucket.take(tokens, now)).toBe(true);
          }
        },
      ),
    );
  });
});
