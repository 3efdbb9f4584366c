/**
 * A service as a program of its own: its parts are started in order, it is announced, and it runs until it is asked to stop or cannot
 * go on. All programs that run until they are stopped are run by this.
 *
 * What it guarantees: one signal stops what was started, in reverse order, each part within its bound; a second one ends the process at
 * once (`stopOnSignals` of the core). The same holds while it is still starting, and when the start or the announcement fails. However
 * a stop went wrong, it is told in one line, and by the exit code.
 */
import {
  type Component,
  createLogger,
  errorCode,
  EXIT_CODES,
  Lifecycle,
  type Logger,
  type LogLevel,
  type StopReport,
  systemClock,
  systemTimers,
} from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import type { CliIo } from '../cli/io.ts';

/** What a service has to do with its end. */
export interface ServiceLife {
  /** It cannot go on, and the program ends with the error that is given. */
  readonly fail: (error: unknown) => void;
  /** Aborted as soon as it is to stop. */
  readonly stopping: AbortSignal;
}

/** What is run. `T` is what of it runs, from the start to the stop. */
export interface Service<T> {
  /** For logs and messages. */
  readonly name: string;
  readonly logger: Logger;
  /** Parts that are started before it, in this order, and stopped after it. */
  readonly before?: readonly Component[];
  /**
   * Resolves when it works. When it rejects, it has cleaned up after itself, and the program ends with that error. A start that takes
   * long breaks off when it is to stop, and rejects with the reason of the signal: that is an orderly end.
   */
  readonly start: (life: ServiceLife) => Promise<T>;
  /** Resolves when it has let go of everything. */
  readonly stop: (running: T) => Promise<void> | void;
  /** How long `stop` may take; after that the program ends without it. */
  readonly stopTimeoutMs: number;
  /** Prints the banner, or the line of JSON. */
  readonly announce: (running: T) => void;
  /** Called when the process is asked to read its files again. Without it, it is not asked. */
  readonly onReload?: (running: T) => void;
}

/**
 * Runs it until it ends. Returns the exit code of a clean end, that is 0. Throws what kept it from starting or ended it, and
 * STOPPED_UNCLEANLY when it was asked to stop and a part did not, or not in time.
 */
export async function runService<T>(
  { io, progress }: Pick<CommandContext, 'io' | 'progress'>,
  service: Service<T>,
): Promise<number> {
  const { name, logger, before = [], start, stop, stopTimeoutMs, announce, onReload } = service;
  const lifecycle = new Lifecycle({ timers: systemTimers, logger });
  let running: { readonly it: T } | undefined;
  for (const part of before) lifecycle.add(part);
  lifecycle.add({
    name,
    stopTimeoutMs,
    start: async () => {
      const fail = (error: unknown): void => lifecycle.fail(name, error);
      running = { it: await start({ fail, stopping: lifecycle.stopping }) };
    },
    stop: () => (running === undefined ? undefined : stop(running.it)),
  });
  const endings = [io.stopOnSignals(lifecycle)];
  if (onReload !== undefined) {
    endings.push(io.onReload(() => (running === undefined ? undefined : onReload(running.it))));
  }
  try {
    await lifecycle.start();
    progress.end();
    if (running !== undefined) announce(running.it);
    return exitCodeOf(name, await lifecycle.stopped);
  } catch (error) {
    // Asked to stop while it was starting: that is an orderly end, unless something failed meanwhile.
    if (errorCode(error) === 'LIFECYCLE_STOPPED') return exitCodeOf(name, await lifecycle.stopped);
    throw error;
  } finally {
    await lifecycle.stop('failed');
    for (const end of endings) end();
  }
}

/** What a service logs with. */
export function serviceLogger(io: Pick<CliIo, 'logs'>, level: LogLevel, format: 'text' | 'json'): Logger {
  return createLogger({ level, format, clock: systemClock, destination: io.logs });
}

function exitCodeOf(name: string, { error, failures }: StopReport): number {
  if (error !== undefined) throw error;
  if (failures.length === 0) return EXIT_CODES.ok.code;
  const reasons = failures.map(({ component, error: cause }) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return errorCode(cause) === 'LIFECYCLE_STOP_TIMEOUT' ? reason : `${component}: ${reason}`;
  });
  throw cliErrors.create('STOPPED_UNCLEANLY', `the ${name} did not stop cleanly: ${reasons.join('; ')}`, {
    cause: failures[0]?.error,
  });
}
