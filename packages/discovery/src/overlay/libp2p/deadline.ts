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

/** Starts the clock of a {@link Deadline}. `what` names what was waited for in the error. */
export function startDeadline(timers: Timers, deadline: Deadline, what: string): RunningDeadline {
  const controller = new AbortController();
  const { signal: outer } = deadline;
  const onAbort = (): void => controller.abort(outer?.reason);
  const timer = timers.after(deadline.timeoutMs, () =>
    controller.abort(
      discoveryErrors.create('STREAM_TIMEOUT', `${what}: no answer within ${deadline.timeoutMs} ms`),
    ),
  );
  if (outer?.aborted === true) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      timer.cancel();
      outer?.removeEventListener('abort', onAbort);
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
