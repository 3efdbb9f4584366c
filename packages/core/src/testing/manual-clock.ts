import type { Clock, TimerHandle, Timers } from '../ports/index.ts';

interface Pending {
  at: number;
  readonly order: number;
  readonly callback: () => void;
  readonly intervalMs: number | undefined;
}

/** A clock and timers that stand still until they are told to advance. */
export class ManualClock implements Clock, Timers {
  #now: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  /** Starts at `startMs` milliseconds since the epoch. */
  constructor(startMs = 1_780_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): TimerHandle {
    return this.#add(delayMs, callback, undefined);
  }

  every(intervalMs: number, callback: () => void): TimerHandle {
    return this.#add(intervalMs, callback, intervalMs);
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason as Error);
      });
    });
  }

  async yield(): Promise<void> {
    await Promise.resolve();
  }

  /** Moves time forward and runs the timers that fall due, in order of time, then of creation. */
  advance(byMs: number): void {
    const until = this.#now + byMs;
    for (;;) {
      let next: Pending | undefined;
      for (const candidate of this.#pending) {
        if (candidate.at > until) continue;
        if (
          next === undefined ||
          candidate.at < next.at ||
          (candidate.at === next.at && candidate.order < next.order)
        ) {
          next = candidate;
        }
      }
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      if (next.intervalMs === undefined) this.#pending.delete(next);
      else next.at += next.intervalMs;
      next.callback();
    }
    this.#now = until;
  }

  #add(delayMs: number, callback: () => void, intervalMs: number | undefined): TimerHandle {
    const entry: Pending = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      intervalMs,
    };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }
}
