/** The middle of the values; the mean of the two middle ones when their number is even. Throws for no values. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** The smallest value that at least the share `fraction` (0 to 1) of the values do not exceed. Throws for no values. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = ascending(values);
  const rank = Math.ceil(fraction * sorted.length) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))] as number;
}

/** Median, smallest and largest of several runs. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export function summarise(values: readonly number[]): Summary {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
  };
}

/**
 * How many times the first series is the second: the median of the ratios of runs that were made one after the other, so
 * that a slow spell of the machine counts for both.
 */
export function pairedRatio(values: readonly number[], yardstick: readonly number[]): number {
  if (values.length !== yardstick.length) throw new RangeError('paired series differ in length');
  return median(values.map((value, run) => value / (yardstick[run] as number)));
}

function ascending(values: readonly number[]): readonly number[] {
  if (values.length === 0) throw new RangeError('no values to summarise');
  return [...values].sort((a, b) => a - b);
}
