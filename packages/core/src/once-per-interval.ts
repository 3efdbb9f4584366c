/** Admits each key once in so long, and remembers at most `capacity` keys: beyond that the oldest counts as new again. */
export class OncePerInterval {
  readonly #intervalMs: number;
  readonly #capacity: number;
  /** When each was admitted, in monotonic milliseconds; the oldest first. */
  readonly #admittedAt = new Map<string, number>();

  constructor(intervalMs: number, capacity: number) {
    this.#intervalMs = intervalMs;
    this.#capacity = capacity;
  }

  /** True once in each interval for each key. `now` is of a monotonic clock. */
  admit(key: string, now: number): boolean {
    const last = this.#admittedAt.get(key);
    if (last !== undefined && now - last < this.#intervalMs) return false;
    this.#admittedAt.delete(key);
    this.#admittedAt.set(key, now);
    const oldest = this.#admittedAt.keys().next();
    if (this.#admittedAt.size > this.#capacity && oldest.done !== true) this.#admittedAt.delete(oldest.value);
    return true;
  }
}
