/**
 * Time, as a port. Logic never reads an ambient clock: it is handed one of these, so that tests and the
 * simulator decide what time it is (DESIGN section 2).
 */

/** Wall-clock time. It may jump when the host's clock is set. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean something. */
  monotonic(): number;
}

/** A timer that was started and can be stopped. Stopping twice, or after it fired, is harmless. */
export interface TimerHandle {
  cancel(): void;
}

/** Timers, as a port. */
export interface Timers {
  /** Calls `callback` once, `delayMs` milliseconds from now. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): TimerHandle;
  /** Calls `callback` every `intervalMs` milliseconds until cancelled. Does not keep the process alive. */
  every(intervalMs: number, callback: () => void): TimerHandle;
  /** Resolves after `delayMs` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Lets pending I/O and other callbacks run, then resolves. Long loops call it between slices. */
  yield(): Promise<void>;
}
