/** Lets bytes through at a bounded rate, all who ask together. */
import type { Clock, Timers } from '@muster/core';

/** A rate that answers share. */
export class Pace {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #freeAtMs = 0;

  /** @param bytesPerSecond 0 = as fast as it goes */
  constructor(bytesPerSecond: number, parts: { readonly clock: Clock; readonly timers: Timers }) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = parts.clock;
    this.#timers = parts.timers;
  }

  /** Resolves when so many bytes may go; rejects when the signal is aborted first. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerMs === 0) return;
    const nowMs = this.#clock.monotonic();
    const startMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs;
    if (startMs > nowMs) await this.#timers.sleep(startMs - nowMs, signal);
  }
}
