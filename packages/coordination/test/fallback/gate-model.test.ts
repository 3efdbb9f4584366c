import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  inBootstrapWindow,
  jitterLimitMs,
  OutageWaiver,
  TokenBucket,
} from '../../src/fallback/gate-model.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

const { jitter_windows } = loadVectors<{
  jitter_windows: readonly {
    readonly base_s: number;
    readonly cluster_size: number;
    readonly window_exclusive_upper_bound_s: number;
  }[];
}>('fallback');
const { bootstrap_window } = loadVectors<{
  bootstrap_window: readonly {
    readonly bootstrap_routing_table_pct: number;
    readonly bootstrap_window_s: number;
    readonly in_bootstrap_window: boolean;
    readonly rt_size: number;
    readonly rt_target: number;
    readonly uptime_s: number;
  }[];
}>('dht-health');

describe('jitter', () => {
  it.each(jitter_windows)('of $cluster_size nodes', (vector) => {
    const limit = jitterLimitMs(vector.base_s * 1_000, vector.cluster_size);
    expect(limit / 1_000).toBeCloseTo(vector.window_exclusive_upper_bound_s, 6);
  });
});

describe('the bootstrap window', () => {
  it.each(bootstrap_window)(
    'after $uptime_s s with $rt_size of $rt_target: $in_bootstrap_window',
    (vector) => {
      const isIn = inBootstrapWindow({
        uptimeMs: vector.uptime_s * 1_000,
        windowMs: vector.bootstrap_window_s * 1_000,
        tableSize: vector.rt_size,
        target: vector.rt_target,
        percent: vector.bootstrap_routing_table_pct,
      });
      expect(isIn).toBe(vector.in_bootstrap_window);
    },
  );
});

describe('tokens', () => {
  it('are never more than the capacity and the time allow', () => {
    const waits = fc.array(fc.nat(120_000), { maxLength: 60 });
    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 10 }), (gaps, perMinute) => {
        const bucket = new TokenBucket(perMinute, 0);
        let now = 0;
        let taken = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) taken += 1;
          expect(taken).toBeLessThanOrEqual(perMinute + (now * perMinute) / 60_000 + 1e-6);
        }
      }),
    );
  });
});

describe('the waiver in an outage', () => {
  const digest = testDigest(1);

  it('is due after a minute of declines', () => {
    const waiver = new OutageWaiver();
    waiver.declined(digest, 0);
    waiver.declined(digest, 59_999);
    expect(waiver.isDue(digest, 59_999)).toBe(false);
    expect(waiver.isDue(digest, 60_000)).toBe(true);
    expect(waiver.isDue(testDigest(2), 60_000)).toBe(false);
  });

  it('begins anew when discovery was in order, or after ten minutes without an attempt', () => {
    const waiver = new OutageWaiver();
    waiver.declined(digest, 0);
    waiver.cleared(digest);
    waiver.declined(digest, 50_000);
    expect(waiver.isDue(digest, 60_000)).toBe(false);
    waiver.declined(digest, 650_001);
    expect(waiver.isDue(digest, 650_001)).toBe(false);
  });

  it('remembers a bounded number of digests', () => {
    const waiver = new OutageWaiver();
    for (let number = 0; number <= 4_096; number++) waiver.declined(testDigest(number), 0);
    expect([waiver.isDue(testDigest(0), 60_000), waiver.isDue(testDigest(1), 60_000)]).toEqual([false, true]);
  });
});
