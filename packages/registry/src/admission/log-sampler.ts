/** A repeated line is written once in this many times (spec section 2.10). */
export const LOG_SAMPLE_INTERVAL = 1_000;
/** The most keys that are told apart. */
export const MAX_LOG_SAMPLE_KEYS = 10_000;

/**
 * Thins out repeated log lines: of each key, for example `remote host:type`, the first and then each 1,000th passes.
 * When there are too many keys the one that is known for longest is forgotten.
 */
export class LogSampler {
  readonly #counts = new Map<string, number>();

  /** How often this line has come when it is to be written now; 0 when it is to be left out. */
  sample(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count === 1 && this.#counts.size >= MAX_LOG_SAMPLE_KEYS) {
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    }
    this.#counts.set(key, count);
    return count === 1 || count % LOG_SAMPLE_INTERVAL === 0 ? count : 0;
  }

  /** Keys that are told apart now. */
  get size(): number {
    return this.#counts.size;
  }
}
