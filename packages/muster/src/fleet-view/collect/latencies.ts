/** Percentiles of what a service has done since the last look, from a histogram of its metrics (Prometheus text 0.0.4). */

/** Lines of a page of metrics that are looked at. */
const MAX_LINES = 20_000;
const BUCKET = /^([A-Za-z_:][\w:]*)_bucket\{(?:[^}]*,)?le="([^"]+)"[^}]*\} (\S+)/;

export interface Percentiles {
  /** In the unit of the histogram. */
  readonly p50: number;
  readonly p99: number;
}

/** One histogram, all of its label sets together. */
export class HistogramGrowth {
  readonly #name: string;
  #before: ReadonlyMap<number, number> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Percentiles of what was observed since the last page of metrics, at the upper bound of their bucket, of the last finite one at most;
   * undefined when nothing was, or when this is the first page, or the first one of a process that was started again.
   */
  take(page: string): Percentiles | undefined {
    const now = this.#buckets(page);
    const before = this.#before;
    this.#before = now;
    if (before === undefined) return undefined;
    const grown = [...now]
      .sort(([a], [b]) => a - b)
      .map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const);
    const total = grown.at(-1)?.[1] ?? 0;
    if (total <= 0 || grown.some(([, count]) => count < 0)) return undefined;
    const largest = grown.findLast(([bound]) => Number.isFinite(bound))?.[0] ?? 0;
    const at = (share: number): number =>
      Math.min(largest, grown.find(([, count]) => count >= share * total)?.[0] ?? largest);
    return { p50: at(0.5), p99: at(0.99) };
  }

  #buckets(page: string): ReadonlyMap<number, number> {
    const buckets = new Map<number, number>();
    for (const line of page.split('\n', MAX_LINES)) {
      if (!line.startsWith(this.#name)) continue;
      const [, name, bound = '', count = ''] = BUCKET.exec(line) ?? [];
      const at = bound === '+Inf' ? Infinity : Number(bound);
      const value = Number(count);
      if (name !== this.#name || Number.isNaN(at) || !Number.isFinite(value)) continue;
      buckets.set(at, (buckets.get(at) ?? 0) + value);
    }
    return buckets;
  }
}
