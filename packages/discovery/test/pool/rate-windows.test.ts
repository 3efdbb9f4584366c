import { describe, expect, it } from 'vitest';
import { RateWindows } from '../../src/pool/rate-windows.ts';

describe('windows of requests', () => {
  it('allow so many in any window, and say when the next is', () => {
    const windows = new RateWindows({ max: 3, windowMs: 60, maxCallers: 10 });
    for (const now of [0, 10, 20]) expect(windows.take('a', now)).toBeUndefined();
    expect(windows.take('a', 30)).toBe(30);
    expect(windows.take('b', 30)).toBeUndefined();
    expect(windows.take('a', 60)).toBeUndefined();
    expect(windows.take('a', 61)).toBe(9);
  });

  it('are bounded', () => {
    const windows = new RateWindows({ max: 3, windowMs: 60, maxCallers: 10 });
    for (let i = 0; i < 1_000; i += 1) windows.take(`${i}`, 0);
    expect(windows.callers).toBe(10);
  });
});
