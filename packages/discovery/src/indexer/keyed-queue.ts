/**
 * Work in the background: one at a time for each key, a few at once in all. While work of a key waits, newer work takes
 * its place; so there is never more waiting than there are keys.
 */
export class KeyedQueue<Key> {
  readonly #atOnce: number;
  readonly #waiting = new Map<Key, () => Promise<void>>();
  readonly #running = new Set<Key>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Runs `work` as soon as there is room. It must not reject. */
  add(key: Key, work: () => Promise<void>): void {
    this.#waiting.set(key, work);
    this.#startNext();
  }

  /** Forgets work that waits; what runs goes on. */
  drop(key: Key): void {
    this.#waiting.delete(key);
  }

  clear(): void {
    this.#waiting.clear();
  }

  #startNext(): void {
    for (const [key, work] of this.#waiting) {
      if (this.#running.size >= this.#atOnce) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.add(key);
      void work().finally(() => {
        this.#running.delete(key);
        this.#startNext();
      });
    }
  }
}
