/** Longest wait for a turn at an origin (coordination spec 15.5). */
export const MAX_RATE_WAIT_MS = 10_000;

/**
 * A token bucket as a model (coordination spec 15.5): each request takes the next turn, up to one second's worth of them at
 * once. Times are milliseconds of a clock that never goes back.
 */
export class RequestRate {
  readonly #perSecond: number;
  readonly #depth: number;
  /** When the bucket would be full again if nobody took more. */
  #fullAt = 0;

  /** Requests per second; 0 or less is no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#depth = Math.max(1, Math.floor(perSecond));
  }

  /** Takes a turn and tells in how many milliseconds it is; undefined when that would be too long, and no turn is taken. */
  take(now: number): number | undefined {
    if (this.#perSecond <= 0) return 0;
    const intervalMs = 1_000 / this.#perSecond;
    const fullAt = Math.max(now, this.#fullAt);
    const waitMs = Math.max(0, fullAt - (this.#depth - 1) * intervalMs - now);
    if (waitMs > MAX_RATE_WAIT_MS) return undefined;
    this.#fullAt = fullAt + intervalMs;
    return waitMs;
  }
}
