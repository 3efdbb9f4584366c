/**
 * Instruments for hot paths: counting is a field addition. Labels are resolved once, when the program starts, not per
 * event.
 */

/** Counts up. */
export class Counter {
  /** The count; hot paths may add to it directly. Never goes down. */
  value = 0;

  /** Adds `amount`, which must not be negative. */
  add(amount = 1): void {
    this.value += amount;
  }
}

/** Goes up and down. */
export class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  add(amount = 1): void {
    this.value += amount;
  }
}

/** Counts observations in fixed buckets. */
export class Histogram {
  /** Upper bounds, ascending; above the last there is one more bucket. */
  readonly bounds: Float64Array;
  /** Observations per bucket, not cumulative; one longer than `bounds`. */
  readonly counts: Float64Array;
  sum = 0;

  /** @throws TypeError when the bounds are not ascending. */
  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
    for (let i = 1; i < bounds.length; i++) {
      if (!((bounds[i - 1] as number) < (bounds[i] as number))) throw new TypeError('bounds must ascend');
    }
  }

  observe(value: number): void {
    this.observeMany(value, 1);
  }

  /** Like `count` calls of {@link observe}: for batches of which each member took as long. */
  observeMany(value: number, count: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + count;
    this.sum += value * count;
  }

  /** Observations so far. */
  get total(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }
}
