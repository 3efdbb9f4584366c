/** Remembers for a while which names were heard, at most `capacity` of them: beyond that the oldest count as news again. */
export class RecentNames {
  readonly #forMs: number;
  readonly #capacity: number;
  /** Monotonic milliseconds of when it was news; the oldest first. */
  readonly #heardAt = new Map<string, number>();

  constructor(forMs: number, capacity: number) {
    this.#forMs = forMs;
    this.#capacity = capacity;
  }

  /** True once in so long for each name. */
  isNews(name: string, now: number): boolean {
    const heardAt = this.#heardAt.get(name);
    if (heardAt !== undefined && now - heardAt < this.#forMs) return false;
    this.#heardAt.delete(name);
    this.#heardAt.set(name, now);
    const oldest = this.#heardAt.keys().next();
    if (this.#heardAt.size > this.#capacity && oldest.done !== true) this.#heardAt.delete(oldest.value);
    return true;
  }
}
