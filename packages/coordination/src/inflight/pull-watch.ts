import type { Clock, Timers } from '@muster/core';
import type { InFlightReader } from '../parts.ts';
import type { Digest } from '../types.ts';

/**
 * Waits in steps beside a pull of this node, and wakes when it ends: a failure is to be told at once (13.10). Hears of each pull
 * once, however many steps there are.
 */
export class PullWatch {
  readonly #inflight: InFlightReader;
  readonly #digest: Digest;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #timers: Pick<Timers, 'after'>;
  #isListening = false;
  #wake: (() => void) | undefined;

  constructor(
    parts: {
      readonly inflight: InFlightReader;
      readonly clock: Pick<Clock, 'now'>;
      readonly timers: Pick<Timers, 'after'>;
    },
    digest: Digest,
  ) {
    this.#inflight = parts.inflight;
    this.#clock = parts.clock;
    this.#timers = parts.timers;
    this.#digest = digest;
  }

  /** Waits for the time, or for the end of the pull that runs now. Rejects with the reason of the signal. One call at a time. */
  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#listen();
    const timer = this.#timers.after(ms, resolve);
    const onAbort = (): void => resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      this.#wake = undefined;
    }
    signal?.throwIfAborted();
  }

  #listen(): void {
    if (this.#isListening || this.#inflight.lookup(this.#digest, this.#clock.now()) === undefined) return;
    this.#isListening = true;
    void this.#inflight.whenDone(this.#digest).then(() => {
      this.#isListening = false;
      this.#wake?.();
    });
  }
}
