import { EXIT_CODES } from '../exit-codes.ts';
import type { Lifecycle } from '../lifecycle.ts';

const SIGNALS = { SIGINT: EXIT_CODES.interrupted.code, SIGTERM: EXIT_CODES.terminated.code } as const;

/**
 * Stops the lifecycle on SIGINT and SIGTERM; a second one of either ends the process at once, with 130 or 143.
 * Returns the function that takes the handlers away.
 */
export function stopOnSignals(lifecycle: Lifecycle): () => void {
  let received = 0;
  const handle = (signal: NodeJS.Signals): void => {
    received += 1;
    if (received > 1) process.exit(SIGNALS[signal as keyof typeof SIGNALS]);
    void lifecycle.stop(signal);
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal as NodeJS.Signals, handle);
  return () => {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, handle);
  };
}
