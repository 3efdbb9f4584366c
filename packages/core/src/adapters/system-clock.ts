import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Clock, TimerHandle, Timers } from '../ports/index.ts';

/** The host's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** The host's timers. */
export const systemTimers: Timers = {
  after(delayMs, callback): TimerHandle {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(intervalMs, callback): TimerHandle {
    const timer = setInterval(callback, intervalMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  async sleep(delayMs, signal): Promise<void> {
    await delay(delayMs, undefined, signal === undefined ? {} : { signal });
  },
  async yield(): Promise<void> {
    await nextTurn();
  },
};
