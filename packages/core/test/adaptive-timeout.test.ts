import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AdaptiveTimeout } from '../src/index.ts';
import { ManualClock } from '../src/testing/index.ts';

test('nothing is known, or answers are quick: the least', () => {
  const timeout = new AdaptiveTimeout(2_000, 8_000);
  expect(timeout.limitMs(0)).toBe(2_000);
  for (let now = 0; now < 100; now += 1) timeout.observe(5, now);
  expect(timeout.limitMs(100)).toBe(2_000);
});

test('slow answers lengthen it, up to the most, and quick ones shorten it again', () => {
  const timeout = new AdaptiveTimeout(2_000, 8_000);
  for (let now = 0; now < 20; now += 1) timeout.observe(now % 2 === 0 ? 1_000 : 2_000, now);
  expect(timeout.limitMs(20)).toBeGreaterThan(2_500);
  expect(timeout.limitMs(20)).toBeLessThan(6_000);
  for (let now = 20; now < 40; now += 1) timeout.observe(60_000, now);
  expect(timeout.limitMs(40)).toBe(8_000);
  for (let now = 40; now < 120; now += 1) timeout.observe(10, now);
  expect(timeout.limitMs(120)).toBe(2_000);
});

test('the first answer counts half as much again (RFC 6298, 2.2)', () => {
  const timeout = new AdaptiveTimeout(1, 100_000);
  timeout.observe(1_000, 0);
  expect(timeout.limitMs(0)).toBe(3_000);
});

test('a minute without an answer forgets', () => {
  const timeout = new AdaptiveTimeout(2_000, 8_000);
  timeout.observe(5_000, 0);
  expect(timeout.limitMs(60_000)).toBe(8_000);
  expect(timeout.limitMs(60_001)).toBe(2_000);
  timeout.observe(10, 60_001);
  expect(timeout.limitMs(60_001)).toBe(2_000);
});

test('whatever it is told, the limit stays between the two', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(100_000), fc.nat(120_000))), (answers) => {
      const timeout = new AdaptiveTimeout(2_000, 8_000);
      let now = 0;
      for (const [ms, pause] of answers) {
        timeout.observe(ms, (now += pause));
        expect(timeout.limitMs(now)).toBeGreaterThanOrEqual(2_000);
        expect(timeout.limitMs(now)).toBeLessThanOrEqual(8_000);
      }
    }),
  );
});

test('a wait that runs already grows with answers to others that come late', () => {
  const clock = new ManualClock();
  const timeout = new AdaptiveTimeout(2_000, 8_000);
  let endedAt: number | undefined;
  const startedAt = clock.monotonic();
  timeout.after(clock, clock, () => (endedAt = clock.monotonic() - startedAt));
  clock.advance(1_999);
  timeout.observe(1_500, clock.monotonic());
  clock.advance(10_000);
  expect(endedAt).toBe(4_500);
});

test('a wait without answers ends with the least, and never when it is cancelled', () => {
  const clock = new ManualClock();
  const timeout = new AdaptiveTimeout(2_000, 8_000);
  let ended = 0;
  timeout.after(clock, clock, () => (ended += 1));
  timeout.after(clock, clock, () => (ended += 10)).cancel();
  clock.advance(1_999);
  expect(ended).toBe(0);
  clock.advance(1);
  expect(ended).toBe(1);
});
