import type { Timers } from '@muster/core';

/** A number of slots; who finds none waits in order of arrival. */
export class CallSlots {
  readonly #timers: Pick<Timers, 'after'>;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(count: number, timers: Pick<Timers, 'after'>) {
    this.#free = count;
    this.#timers = timers;
  }

  /** True when a slot was got, false when the time was over first; rejects with the signal's reason. */
  async take(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    const turn = Promise.withResolvers<boolean>();
    const go = (): void => turn.resolve(true);
    // Who gives up leaves the queue in the same step, so that no slot is handed to nobody.
    const timer = this.#timers.after(timeoutMs, () => {
      this.#waiting.delete(go);
      turn.resolve(false);
    });
    const onAbort = (): void => {
      this.#waiting.delete(go);
      turn.reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', onAbort);
    this.#waiting.add(go);
    try {
      return await turn.promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Gives a slot back. */
  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
