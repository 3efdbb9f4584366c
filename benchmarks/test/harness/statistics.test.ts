import { describe, expect, it } from 'vitest';
import { median, pairedRatio, percentile, summarise } from '../../harness/statistics.ts';

describe('statistics', () => {
  it('finds the middle, whatever the order, and leaves the values alone', () => {
    const values = [9, 1, 5];
    expect(median(values)).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(values).toEqual([9, 1, 5]);
  });

  it('compares numbers as numbers', () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  it('finds percentiles by rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile(values, 0)).toBe(1);
  });

  it('shows the spread and the number of runs', () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: 3 });
  });

  it('compares runs with the ones made beside them', () => {
    // The machine was half as fast in the second pair: the ratio of each pair stays.
    expect(pairedRatio([150, 75, 160], [100, 50, 100])).toBe(1.5);
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
  });

  it('refuses to make a figure of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});
