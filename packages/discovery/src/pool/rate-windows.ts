import type { PeerId } from '../wire/messages.ts';

/**
 * A sliding window of requests for each caller. Bounded: the caller that was quiet for the longest time is forgotten
 * first, which gives it at most one fresh window.
 */
export class RateWindows {
  readonly #max: number;
  readonly #windowMs: number;
  readonly #maxCallers: number;
  readonly #times = new Map<PeerId, readonly number[]>();

  constructor(options: { readonly max: number; readonly windowMs: number; readonly maxCallers: number }) {
    this.#max = options.max;
    this.#windowMs = options.windowMs;
    this.#maxCallers = options.maxCallers;
  }

  get callers(): number {
    return this.#times.size;
  }

  /** Counts a request. Undefined when it is allowed, else the milliseconds until one will be. */
  take(caller: PeerId, now: number): number | undefined {
    const recent = (this.#times.get(caller) ?? []).filter((at) => now - at < this.#windowMs);
    const oldest = recent[0];
    const isAllowed = recent.length < this.#max || oldest === undefined;
    this.#times.delete(caller);
    this.#times.set(caller, isAllowed ? [...recent, now] : recent);
    for (const quiet of this.#times.keys()) {
      if (this.#times.size <= this.#maxCallers) break;
      this.#times.delete(quiet);
    }
    return isAllowed ? undefined : oldest + this.#windowMs - now;
  }
}
