/**
 * How long an answer is waited for, by how long answers have taken: RFC 6298's estimate (smoothed time plus four times its deviation),
 * so that peers which are all slow, as on a machine that has too much to do, are not taken for dead ones.
 *
 * Fault model: a peer may answer as late as it likes and so lengthen the wait, within `maxMs`; unanswered questions lengthen nothing, or
 * dead peers would.
 */

import type { Clock, TimerHandle, Timers } from './ports/index.ts';

/** Weights of the newest time: in the mean, and in the deviation. */
const MEAN_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;
const DEVIATIONS = 4;
const FORGOTTEN_AFTER_MS = 60_000;

/** All times are milliseconds; `now` is of a monotonic clock. */
export class AdaptiveTimeout {
  readonly #minMs: number;
  readonly #maxMs: number;
  #mean: number | undefined;
  #deviation = 0;
  #lastAt = 0;

  /** The limit lies between the two, and is `minMs` while nothing is known. */
  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  /** An answer took so long. */
  observe(ms: number, now: number): void {
    if (this.#mean === undefined || this.#isForgotten(now)) {
      this.#mean = ms;
      this.#deviation = ms / 2;
    } else {
      this.#deviation += DEVIATION_WEIGHT * (Math.abs(this.#mean - ms) - this.#deviation);
      this.#mean += MEAN_WEIGHT * (ms - this.#mean);
    }
    this.#lastAt = now;
  }

  /** How long the next answer is to be waited for. A minute without an answer forgets what was before. */
  limitMs(now: number): number {
    if (this.#mean === undefined || this.#isForgotten(now)) return this.#minMs;
    const limit = this.#mean + DEVIATIONS * this.#deviation;
    return Math.round(Math.min(this.#maxMs, Math.max(this.#minMs, limit)));
  }

  /** Calls back when the limit is over; answers to others that come late meanwhile lengthen this wait as well. */
  after(timers: Pick<Timers, 'after'>, clock: Clock, callback: () => void): TimerHandle {
    let waitedMs = 0;
    let timer: TimerHandle | undefined;
    const look = (): void => {
      const restMs = this.limitMs(clock.monotonic()) - waitedMs;
      if (restMs <= 0) {
        callback();
        return;
      }
      waitedMs += restMs;
      timer = timers.after(restMs, look);
    };
    look();
    return { cancel: () => timer?.cancel() };
  }

  #isForgotten(now: number): boolean {
    return now - this.#lastAt > FORGOTTEN_AFTER_MS;
  }
}
