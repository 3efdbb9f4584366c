import type { Logger } from '@muster/core';

/**
 * Small files next to the store that an operator edits by hand: `breakers.json`, `rate-limit-whitelist.json`,
 * `banner.txt` (spec section 10). The port is apart from `Storage` because it needs a modification time and
 * whole files only.
 *
 * Fault model: any call may reject. A reader sees either the old or the new text of {@link OperatorFiles.replace},
 * never a mixture, also after a crash. An editor that does not write through a rename may show a half-written
 * file; readers must keep what they had when a text makes no sense.
 */
export interface OperatorFiles {
  /** What identifies the version of a file; undefined when there is no such file. */
  stamp(path: string): Promise<OperatorFileStamp | undefined>;
  /** The text (UTF-8). Rejects when the file is missing or larger than `maxBytes` (code `operator_file_too_large`). */
  read(path: string, maxBytes: number): Promise<string>;
  /** Replaces the file (mode 0600) through a temporary file, a sync and a rename. */
  replace(path: string, text: string): Promise<void>;
}

/** Two equal stamps are taken to mean the same contents. */
export interface OperatorFileStamp {
  readonly modifiedMs: number;
  readonly sizeBytes: number;
}

/** Where operator files say what happened to them. */
export type OperatorFileLog = Pick<Logger, 'info' | 'warn'>;
