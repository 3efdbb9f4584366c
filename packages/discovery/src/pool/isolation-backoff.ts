import type { Random } from '@muster/core';

const JITTER = 0.2;

/** Delays of isolation recovery (14.8): from the first on doubling up to the longest, each up to 20 % early or late. */
export class IsolationBackoff {
  readonly #maxMs: number;
  readonly #random: Random;
  #nextMs: number;

  constructor(options: { readonly firstMs: number; readonly maxMs: number; readonly random: Random }) {
    this.#nextMs = options.firstMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random;
  }

  /** The next delay, in milliseconds. */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(2 * delayMs, this.#maxMs);
    return delayMs * (1 + JITTER * (2 * this.#random.fraction() - 1));
  }
}
