import { setMaxListeners } from 'node:events';
import type { Timers } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import type { Deadline } from '../overlay.ts';

/** A bound that has started to run. */
export interface RunningDeadline {
  /** Aborted when the time is over (with STREAM_TIMEOUT) or the caller's signal is (with its reason). */
  readonly signal: AbortSignal;
  /** Ends it; the signal will not be aborted any more. */
  clear(): void;
}

/**
 * Starts the clock of a {@link Deadline}. `what` names what was waited for in the error. `further` is a signal that ends
 * the wait, too. Nothing is left on either signal after `clear`.
 */
export function startDeadline(
  timers: Timers,
  deadline: Deadline,
  what: string,
  further?: AbortSignal,
): RunningDeadline {
  const controller = new AbortController();
  // A query of the table hangs a listener on it for each of its requests.
  setMaxListeners(0, controller.signal);
  const timer = timers.after(deadline.timeoutMs, () =>
    controller.abort(
      discoveryErrors.create('STREAM_TIMEOUT', `${what}: no answer within ${deadline.timeoutMs} ms`),
    ),
  );
  const outer = [deadline.signal, further].filter((signal) => signal !== undefined);
  const onAbort = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  for (const signal of outer) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    clear: () => {
      timer.cancel();
      for (const signal of outer) signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Rejects with the signal's reason as soon as it is aborted; otherwise as `promise`. */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
