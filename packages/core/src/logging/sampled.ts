/** Keys that are counted one by one; further ones share a count. */
export const MAX_SAMPLED_KEYS = 10_000;
/** After the first line of a key, one in this many is let through. */
export const SAMPLE_INTERVAL = 1000;

/**
 * Decides which of many like log lines are written (registry spec 2.10): per key the first, then each 1000th. The
 * table holds at most 10,000 keys. When it is full, new keys share one count; each time that count lets a line
 * through, its key takes the place of the oldest, so that a flood of strangers' keys can neither grow the table, nor
 * fill the log, nor occupy the table for ever.
 */
export class LogSampler {
  readonly #counts = new Map<string, number>();
  readonly #maxKeys: number;
  readonly #interval: number;
  #overflow = 0;

  constructor(options: { readonly maxKeys?: number; readonly interval?: number } = {}) {
    this.#maxKeys = options.maxKeys ?? MAX_SAMPLED_KEYS;
    this.#interval = options.interval ?? SAMPLE_INTERVAL;
  }

  /**
   * Counts one occurrence. Returns how many there were so far when this one is to be logged, and undefined when it is
   * not.
   */
  admit(key: string): number | undefined {
    const count = this.#counts.get(key);
    if (count !== undefined) {
      this.#counts.set(key, count + 1);
      return count % this.#interval === 0 ? count + 1 : undefined;
    }
    if (this.#counts.size >= this.#maxKeys && !this.#makeRoom()) return undefined;
    this.#counts.set(key, 1);
    return 1;
  }

  #makeRoom(): boolean {
    const admitted = this.#overflow % this.#interval === 0;
    this.#overflow += 1;
    if (!admitted) return false;
    const oldest = this.#counts.keys().next();
    if (oldest.done !== true) this.#counts.delete(oldest.value);
    return true;
  }
}
