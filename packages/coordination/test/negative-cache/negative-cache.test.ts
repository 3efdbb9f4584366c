import { ManualClock } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NegativeCache } from '../../src/negative-cache/negative-cache.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import type { FailureClass } from '../../src/types.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

interface Event {
  readonly at_s: number;
  readonly op: 'fail' | 'lookup' | 'success';
  readonly class?: FailureClass;
  readonly required?: {
    readonly cooldown_s?: number;
    readonly failure_count?: number;
    readonly hit?: boolean;
    readonly class?: FailureClass;
    readonly cooldown_until_at_s?: number;
  };
}

const { sequences } = loadVectors<{
  sequences: readonly {
    readonly name: string;
    readonly initial_s: number;
    readonly max_s: number;
    readonly multiplier: number;
    readonly events: readonly Event[];
  }[];
}>('negative-cache');

const START = 1_800_000_000_000;
const DIGEST = testDigest(1);

describe('the ladder of cool-downs', () => {
  it.each(sequences)('$name', ({ initial_s, max_s, multiplier, events }) => {
    const cache = new NegativeCache({
      cooldownInitialMs: initial_s * 1_000,
      cooldownMaxMs: max_s * 1_000,
      cooldownMultiplier: multiplier,
    });
    for (const { at_s, op, class: failureClass, required } of events) {
      const now = START + at_s * 1_000;
      if (op === 'success') {
        cache.success(DIGEST);
      } else if (op === 'fail') {
        expect(cache.fail(DIGEST, failureClass as FailureClass, now), `at ${at_s} s`).toEqual({
          failureClass,
          failureCount: required?.failure_count,
          lastFailureAt: now,
          cooldownUntil: now + (required?.cooldown_s as number) * 1_000,
        });
      } else {
        const entry = cache.lookup(DIGEST, now);
        expect(entry !== undefined, `at ${at_s} s`).toBe(required?.hit);
        if (entry === undefined) continue;
        expect(entry.failureClass).toBe(required?.class);
        expect(entry.cooldownUntil).toBe(START + (required?.cooldown_until_at_s as number) * 1_000);
      }
    }
  });

  it('never gets shorter, nor longer than its maximum, while failures follow one another', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 1_200_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(gaps, fc.double({ min: 1, max: 10, noNaN: true }), (waits, cooldownMultiplier) => {
        const cache = new NegativeCache({ ...DEFAULT_COORDINATION_SETTINGS, cooldownMultiplier });
        let now = START;
        let last = 0;
        for (const wait of waits) {
          now += wait;
          cache.lookup(DIGEST, now);
          const cooldown = cache.fail(DIGEST, 'transient', now).cooldownUntil - now;
          expect(cooldown).toBeGreaterThanOrEqual(last);
          expect(cooldown).toBeLessThanOrEqual(600_000);
          last = cooldown;
        }
      }),
    );
  });

  it('stays on its step with a multiplier of 1', () => {
    const cache = new NegativeCache({ ...DEFAULT_COORDINATION_SETTINGS, cooldownMultiplier: 1 });
    for (let count = 0; count < 5; count++) {
      expect(cache.fail(DIGEST, 'transient', START).cooldownUntil).toBe(START + 10_000);
    }
  });
});

describe('Retry-After', () => {
  const cooldown = (failureClass: FailureClass, retryAfterMs: number): number =>
    new NegativeCache(DEFAULT_COORDINATION_SETTINGS).fail(DIGEST, failureClass, START, retryAfterMs)
      .cooldownUntil - START;

  it('lengthens the cool-down of a rate limit, up to the maximum', () => {
    expect(cooldown('rate_limited', 45_000)).toBe(45_000);
    expect(cooldown('rate_limited', 3_600_000)).toBe(600_000);
  });

  it('never shortens it, and says nothing about other failures', () => {
    expect(cooldown('rate_limited', 1_000)).toBe(10_000);
    expect(cooldown('transient', 45_000)).toBe(10_000);
  });
});

describe('bounds', () => {
  it('drops the entry whose last failure is the oldest', () => {
    const cache = new NegativeCache({ ...DEFAULT_COORDINATION_SETTINGS, maxEntries: 2 });
    cache.fail(testDigest(1), 'transient', START);
    cache.fail(testDigest(2), 'transient', START + 1);
    cache.fail(testDigest(1), 'transient', START + 2);
    cache.fail(testDigest(3), 'transient', START + 3);
    expect(cache.length).toBe(2);
    expect(cache.lookup(testDigest(2), START + 3)).toBeUndefined();
    expect(cache.lookup(testDigest(1), START + 3)?.failureCount).toBe(2);
  });

  it('drops nothing for a digest that it holds already', () => {
    const cache = new NegativeCache({ ...DEFAULT_COORDINATION_SETTINGS, maxEntries: 2 });
    for (const number of [1, 2, 2]) cache.fail(testDigest(number), 'transient', START);
    expect(cache.lookup(testDigest(1), START)?.failureCount).toBe(1);
    expect(cache.lookup(testDigest(2), START)?.failureCount).toBe(2);
  });

  it('holds 4096 digests by default', () => {
    const cache = new NegativeCache(DEFAULT_COORDINATION_SETTINGS);
    for (let number = 0; number < 5_000; number++) cache.fail(testDigest(number), 'transient', START);
    expect(cache.length).toBe(4_096);
  });

  it('sweeps what has been idle for more than twice the maximum, and counts what cools down', () => {
    const cache = new NegativeCache(DEFAULT_COORDINATION_SETTINGS);
    cache.fail(testDigest(1), 'transient', START);
    cache.fail(testDigest(2), 'auth', START + 1_195_000);
    cache.sweep(START + 1_200_000);
    expect([cache.length, cache.coolingEntries(START + 1_200_000)]).toEqual([2, 1]);
    cache.sweep(START + 1_200_001);
    expect(cache.length).toBe(1);
  });

  it('does not let a clock that was set back stretch a cool-down', () => {
    const cache = new NegativeCache(DEFAULT_COORDINATION_SETTINGS);
    cache.fail(DIGEST, 'transient', START);
    expect(cache.lookup(DIGEST, START - 3_600_000)).toBeUndefined();
  });
});

it('tells its hooks and its reader', () => {
  const heard: string[] = [];
  const clock = new ManualClock(START);
  const cache = new NegativeCache({
    ...DEFAULT_COORDINATION_SETTINGS,
    hooks: { enter: (name) => heard.push(`enter ${name}`), hit: (name) => heard.push(`hit ${name}`) },
  });
  const reader = cache.reader(clock);
  cache.fail(DIGEST, 'auth', clock.now());
  expect(reader.lookup(DIGEST)?.failureClass).toBe('auth');
  clock.advance(10_001);
  expect(reader.lookup(DIGEST)).toBeUndefined();
  expect(heard).toEqual(['enter auth', 'hit auth']);
});
