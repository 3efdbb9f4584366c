import type { Clock, Logger, Timers } from '@muster/core';
import { within } from '../within.ts';

/** Steps that end something, one after the other, within a budget for all of them (coordination spec 20.4). */
export class Shutdown {
  readonly #parts: { readonly clock: Clock; readonly timers: Timers; readonly logger: Logger };
  readonly #until: number;

  constructor(
    parts: { readonly clock: Clock; readonly timers: Timers; readonly logger: Logger },
    budgetMs: number,
  ) {
    this.#parts = parts;
    this.#until = parts.clock.monotonic() + budgetMs;
  }

  /** What is left of the budget, at most `wantedMs`, in milliseconds. */
  left(wantedMs: number): number {
    return Math.max(1, Math.min(wantedMs, this.#until - this.#parts.clock.monotonic()));
  }

  /** Runs a step. One that fails or takes too long is logged and left; the others follow all the same. */
  async step(what: string, work: () => Promise<unknown> | undefined): Promise<void> {
    const { timers, logger } = this.#parts;
    try {
      await within(timers, this.left(Number.POSITIVE_INFINITY), undefined, async () => await work());
    } catch (error) {
      logger.warn({ what, err: error }, 'a part could not be stopped in order');
    }
  }
}
