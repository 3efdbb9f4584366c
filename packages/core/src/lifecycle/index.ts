export { stopOnSignals } from './adapters/signals.ts';
export { EXIT_CODES, exitCodeOf } from './exit-codes.ts';
export type { ExitCode, ExitCodeName } from './exit-codes.ts';
export { DEFAULT_STOP_TIMEOUT_MS, Lifecycle, stopOutcome } from './lifecycle.ts';
export type { Component, StopReport } from './lifecycle.ts';
