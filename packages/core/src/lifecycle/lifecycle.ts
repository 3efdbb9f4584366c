/**
 * Ordered start and clean stop of the parts of a program.
 *
 * What it guarantees: parts start one after the other, in the order in which they were added; whatever was started is
 * stopped, in reverse order, exactly once, whether a later part fails to start, stopping is asked for (also in the
 * middle of starting), or a part reports that it cannot go on; one part that hangs or fails while stopping delays the
 * others by no more than its bound, and keeps none of them from being stopped.
 */

import { coreErrors } from '../core-errors.ts';
import type { Logger } from '../logging/index.ts';
import type { Timers } from '../ports/index.ts';

/** A part of a program. */
export interface Component {
  /** For logs. */
  readonly name: string;
  /** Resolves when the part works. When it rejects, it has cleaned up after itself: `stop` is not called. */
  start?(): Promise<void> | void;
  /** Resolves when the part has let go of everything. Called at most once, only after `start` succeeded. */
  stop?(): Promise<void> | void;
  /** How long `stop` may take, in milliseconds. @default 10000 */
  readonly stopTimeoutMs?: number;
}

/** Bound on the stop of a component that names none. */
export const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** How a program ended. */
export interface StopReport {
  /** Why it stopped: the reason that was given first. */
  readonly reason: string;
  /** The error that made it stop; undefined when stopping was asked for. */
  readonly error: unknown;
  /** Components that failed to stop, or did not in time. */
  readonly failures: readonly { readonly component: string; readonly error: unknown }[];
}

type State = 'new' | 'starting' | 'running' | 'stopping' | 'stopped';

/** Starts and stops components. */
export class Lifecycle {
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #components: Component[] = [];
  readonly #started: Component[] = [];
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<StopReport>;
  #resolveStopped: (report: StopReport) => void = () => {};
  #state: State = 'new';
  #stopCause: { readonly reason: string; readonly error: unknown } | undefined;

  constructor(options: { readonly timers: Timers; readonly logger: Logger }) {
    this.#timers = options.timers;
    this.#logger = options.logger;
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Aborted as soon as stopping is asked for, or a part cannot go on: for starts that take long and can be broken off. The reason is
   * LIFECYCLE_STOPPED, with which such a start rejects.
   */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Resolves when everything has stopped; never rejects. */
  get stopped(): Promise<StopReport> {
    return this.#stopped;
  }

  /** Adds a part; only before `start`. */
  add(component: Component): void {
    if (this.#state !== 'new') throw new TypeError('components are added before the start');
    this.#components.push(component);
  }

  /**
   * Starts all components in order. When one fails, those already started are stopped and its error is thrown as it is.
   *
   * @throws LIFECYCLE_STOPPED when stopping was asked for before all had started.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TypeError('a lifecycle starts once');
    this.#state = 'starting';
    for (const component of this.#components) {
      if (this.#stopCause !== undefined) break;
      try {
        await component.start?.();
      } catch (error) {
        this.#stopCause ??= { reason: `${component.name} failed to start`, error };
        await this.#stopAll(this.#stopCause);
        throw error;
      }
      this.#started.push(component);
      this.#logger.debug({ component: component.name }, 'started');
    }
    const cause = this.#stopCause as { reason: string; error: unknown } | undefined;
    if (cause === undefined) {
      this.#state = 'running';
      return;
    }
    await this.#stopAll(cause);
    throw this.#stopping.signal.reason;
  }

  /** Stops everything, at most once; further calls wait for the first. `reason` is for the log. */
  async stop(reason: string): Promise<StopReport> {
    return await this.#requestStop(reason, undefined);
  }

  /** A part reports that it cannot go on: everything is stopped, and the report carries the error. */
  fail(component: string, error: unknown): void {
    void this.#requestStop(`${component} failed`, error);
  }

  async #requestStop(reason: string, error: unknown): Promise<StopReport> {
    if (this.#stopCause === undefined) {
      const cause = { reason, error };
      this.#stopCause = cause;
      this.#stopping.abort(
        coreErrors.create('LIFECYCLE_STOPPED', `stopped while starting: ${reason}`, { cause: error }),
      );
      if (error === undefined) this.#logger.info({ reason }, 'stopping');
      else this.#logger.error({ reason, error }, 'stopping');
      if (this.#state === 'new' || this.#state === 'running') await this.#stopAll(cause);
    }
    return await this.#stopped;
  }

  async #stopAll(cause: { readonly reason: string; readonly error: unknown }): Promise<void> {
    this.#state = 'stopping';
    const failures: { component: string; error: unknown }[] = [];
    for (let component = this.#started.pop(); component !== undefined; component = this.#started.pop()) {
      try {
        await this.#stopOne(component);
        this.#logger.debug({ component: component.name }, 'stopped');
      } catch (error) {
        this.#logger.error({ component: component.name, error }, 'failed to stop');
        failures.push({ component: component.name, error });
      }
    }
    this.#state = 'stopped';
    this.#resolveStopped({ ...cause, failures });
  }

  async #stopOne(component: Component): Promise<void> {
    const timeoutMs = component.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS;
    await new Promise<void>((resolve, reject) => {
      const timer = this.#timers.after(timeoutMs, () => {
        const message = `${component.name} did not stop within ${timeoutMs} ms`;
        reject(coreErrors.create('LIFECYCLE_STOP_TIMEOUT', message, { details: { timeoutMs } }));
      });
      void (async () => {
        try {
          await component.stop?.();
          resolve();
        } catch (error) {
          reject(error as Error);
        } finally {
          timer.cancel();
        }
      })();
    });
  }
}

/** The exit code name of a report: `ok`, or `stoppedUncleanly` when a part failed to stop. */
export function stopOutcome(report: StopReport): 'ok' | 'stoppedUncleanly' {
  return report.failures.length === 0 ? 'ok' : 'stoppedUncleanly';
}
