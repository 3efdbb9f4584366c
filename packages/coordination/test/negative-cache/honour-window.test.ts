import { describe, expect, it } from 'vitest';
import { HonourWindows } from '../../src/negative-cache/honour-window.ts';
import { testDigest } from '../support/vectors.ts';

const NOW = 1_800_000_000_000;
const DIGEST = testDigest(1);

describe('honour windows', () => {
  it('last until the cool-down ends, that instant excluded', () => {
    const windows = new HonourWindows({ honourCapMs: 30_000 });
    windows.record(DIGEST, NOW + 20_000, NOW);
    expect(windows.until(DIGEST, NOW + 19_999)).toBe(NOW + 20_000);
    expect(windows.until(DIGEST, NOW + 20_000)).toBeUndefined();
    expect(windows.length).toBe(0);
  });

  it('are capped', () => {
    const windows = new HonourWindows({ honourCapMs: 30_000 });
    windows.record(DIGEST, NOW + 3_600_000, NOW);
    expect(windows.until(DIGEST, NOW)).toBe(NOW + 30_000);
  });

  it.each([undefined, NOW - 1, NOW])('are not opened by a cool-down that ends at %s', (cooldownUntil) => {
    const windows = new HonourWindows({ honourCapMs: 30_000 });
    windows.record(DIGEST, cooldownUntil, NOW);
    expect(windows.length).toBe(0);
  });

  it('are bounded, the oldest goes first', () => {
    const windows = new HonourWindows({ honourCapMs: 30_000, maxEntries: 2 });
    for (const number of [1, 2, 3]) windows.record(testDigest(number), NOW + 10_000, NOW);
    expect([1, 2, 3].map((number) => windows.until(testDigest(number), NOW) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('are not stretched by a clock that was set back', () => {
    const windows = new HonourWindows({ honourCapMs: 30_000 });
    windows.record(DIGEST, NOW + 10_000, NOW);
    expect(windows.until(DIGEST, NOW - 3_600_000)).toBeUndefined();
  });
});
