import type { Clock } from '@muster/core';

/** A value that is computed again only when it is older than `maxAgeMs`. */
export class Held<T> {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #compute: () => T;
  #last: { readonly value: T; readonly at: number } | undefined;

  constructor(clock: Clock, maxAgeMs: number, compute: () => T) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
    this.#compute = compute;
  }

  get value(): T {
    const now = this.#clock.monotonic();
    if (this.#last === undefined || now - this.#last.at > this.#maxAgeMs) {
      this.#last = { value: this.#compute(), at: now };
    }
    return this.#last.value;
  }
}
