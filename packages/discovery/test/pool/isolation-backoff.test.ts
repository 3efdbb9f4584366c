import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { IsolationBackoff } from '../../src/pool/isolation-backoff.ts';

describe('the delays of isolation recovery (14.8)', () => {
  it('DEF-21: double from 10 s to 300 s, and stay there', () => {
    const middle = { ...seededRandom(1), fraction: () => 0.5 };
    const backoff = new IsolationBackoff({ firstMs: 10_000, maxMs: 300_000, random: middle });
    const delays = Array.from({ length: 8 }, () => backoff.next() / 1000);
    expect(delays).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('come up to 20 % early or late', () => {
    const random = seededRandom(3);
    const factors = Array.from({ length: 500 }, () =>
      new IsolationBackoff({ firstMs: 1, maxMs: 300, random }).next(),
    );
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.8);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.2);
    expect(Math.max(...factors) - Math.min(...factors)).toBeGreaterThan(0.3);
  });
});
