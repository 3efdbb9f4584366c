import { EXIT_CODES } from '../exit-codes.ts';
import type { Lifecycle } from '../lifecycle.ts';

const SIGNALS = { SIGINT: EXIT_CODES.interrupted.code, SIGTERM: EXIT_CODES.terminated.code } as const;

/**
 * How long after the first signal further ones are taken for echoes of it: `npm` passes on the Ctrl-C that the terminal
 * has sent to the program already.
 */
export const SIGNAL_ECHO_MS = 300;

/**
 * Stops the lifecycle on SIGINT and SIGTERM; a second one of either ends the process at once, with 130 or 143.
 * Returns the function that takes the handlers away.
 */
export function stopOnSignals(lifecycle: Lifecycle, options: { readonly echoMs?: number } = {}): () => void {
  const echoMs = options.echoMs ?? SIGNAL_ECHO_MS;
  let firstAt: number | undefined;
  const handle = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      void lifecycle.stop(signal);
    } else if (now - firstAt >= echoMs) process.exit(SIGNALS[signal as keyof typeof SIGNALS]);
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal as NodeJS.Signals, handle);
  return () => {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, handle);
  };
}
