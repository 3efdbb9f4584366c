import { systemTimers, type Timers } from '@muster/core';

/** The host's timers, except that `sleep` takes a moment only and writes down what was asked for. */
export function quickTimers(): Timers & { readonly slept: readonly number[] } {
  const slept: number[] = [];
  return {
    ...systemTimers,
    slept,
    async sleep(delayMs, signal) {
      slept.push(delayMs);
      await systemTimers.sleep(1, signal);
    },
  };
}
