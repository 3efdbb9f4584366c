import type { Lifecycle, LogDestination } from '@muster/core';
import type { Terminal } from './terminal.ts';

/** Where text for the caller goes. */
export interface Output {
  write(text: string): void;
  /** Whether a person is likely to look at it. */
  readonly isTerminal: boolean;
  /** Aborted when nobody reads it any more. */
  readonly closed: AbortSignal;
}

/** Everything that the command line uses of its process, so that tests can stand in for it. */
export interface CliIo {
  /** Results. */
  readonly stdout: Output;
  /** Errors, notes and progress. */
  readonly stderr: Output;
  /** Lines of the log. */
  readonly logs: Pick<LogDestination, 'write'>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** How a person starts this program again, as in `npm run -s muster --`. */
  readonly launcher: string;
  /** For programs that use the whole screen; undefined when no person sits at one. */
  readonly terminal?: Terminal | undefined;
  /** Stops what runs when the process is asked to stop. Returns what takes that back. */
  stopOnSignals(lifecycle: Lifecycle): () => void;
  /** Calls back when the process is asked to read its files again. Returns what takes that back. */
  onReload(callback: () => void): () => void;
}
