import { TICK_JITTER } from '../heartbeat/heartbeat-rate.ts';
import type { PoolState } from './pool-state.ts';

export type TickScope = 'full' | 'partial';

/**
 * When ticks run (11.2): the first at once (F:17), then one every period, up to 5 % early or late; a nudge runs a partial
 * one. Ticks never overlap: what is asked for during a tick runs after it.
 */
export class Ticker {
  readonly #state: PoolState;
  readonly #tick: (scope: TickScope) => Promise<void>;
  #isNudged = false;
  #wake: (() => void) | undefined;

  constructor(state: PoolState, tick: (scope: TickScope) => Promise<void>) {
    this.#state = state;
    this.#tick = tick;
    state.onNudge(() => {
      this.#isNudged = true;
      this.#wake?.();
    });
  }

  /** Runs until the agent stops. */
  async run(): Promise<void> {
    const { signal } = this.#state;
    let nextAt = this.#state.now();
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const now = this.#state.now();
      if (now >= nextAt) {
        nextAt = now + this.#period();
        this.#isNudged = false;
        await this.#tick('full');
      } else if (this.#isNudged) {
        this.#isNudged = false;
        await this.#tick('partial');
      } else await this.#pause(nextAt - now);
    }
    signal.removeEventListener('abort', stop);
  }

  #period(): number {
    const { constants, random } = this.#state.context;
    return constants.tickMs * (1 + TICK_JITTER * (2 * random.fraction() - 1));
  }

  async #pause(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#state.context.timers.after(forMs, resolve);
      this.#wake = (): void => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
