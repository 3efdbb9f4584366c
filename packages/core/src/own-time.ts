import type { TimerHandle, Timers } from './ports/index.ts';

/** A delay is counted in slices of this length. */
const SLICE_MS = 100;

/**
 * Timers for limits on the answers of others: only time in which this process ran counts. A process that is starved of its processor, or
 * was stopped, sees answers late that came in time; with the clock on the wall it would take all others for dead. Delays are counted in
 * slices of 100 ms, and a slice counts once, however late it ends: a delay is at least as long as asked for.
 */
export function ownTime(timers: Pick<Timers, 'after' | 'every'>): Pick<Timers, 'after'> {
  return {
    after(delayMs, callback): TimerHandle {
      if (!(delayMs > SLICE_MS)) return timers.after(delayMs, callback);
      let slices = Math.ceil(delayMs / SLICE_MS);
      const ticks = timers.every(delayMs / slices, () => {
        slices -= 1;
        if (slices > 0) return;
        ticks.cancel();
        callback();
      });
      return ticks;
    },
  };
}
