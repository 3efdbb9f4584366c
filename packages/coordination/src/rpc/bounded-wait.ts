import type { Timers } from '@muster/core';

/** What {@link settleWithin} gives when the time was over first. */
export const TIMED_OUT: unique symbol = Symbol('timed out');

/**
 * The promise's outcome, or {@link TIMED_OUT} after `timeoutMs`. What comes after that is dropped, errors included.
 */
export async function settleWithin<T>(
  promise: Promise<T>,
  timeoutMs: number,
  timers: Pick<Timers, 'after'>,
): Promise<T | typeof TIMED_OUT> {
  const over = Promise.withResolvers<typeof TIMED_OUT>();
  const timer = timers.after(Math.max(0, timeoutMs), () => over.resolve(TIMED_OUT));
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    timer.cancel();
    promise.catch(() => {});
  }
}
