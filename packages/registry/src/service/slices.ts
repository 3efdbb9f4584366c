import type { Clock, Timers } from '@muster/core';

/** How long background work may hold the event loop at a time. */
export const SLICE_MS = 4;

/** Runs the steps of a generator to its end, and lets other work go on whenever a slice is used up. */
export async function runSlices<T>(steps: Generator<void, T>, clock: Clock, timers: Timers): Promise<T> {
  for (;;) {
    const startedMs = clock.monotonic();
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (clock.monotonic() - startedMs < SLICE_MS);
    await timers.yield();
  }
}
