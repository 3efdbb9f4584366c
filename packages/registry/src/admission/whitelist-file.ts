import type { Timers } from '@muster/core';
import { PolledFile } from '../operator-files/polled-file.ts';
import type { OperatorFileLog, OperatorFiles } from '../operator-files/operator-files.ts';
import { admissionErrors } from './errors.ts';
import { Whitelist, type WhitelistEntry } from './whitelist.ts';

/** The name of the file in the data folder. */
export const WHITELIST_FILE_NAME = 'rate-limit-whitelist.json';

/** What the file needs. */
export interface WhitelistFileOptions {
  /** Path of `rate-limit-whitelist.json`; undefined for a registry that keeps everything in memory. */
  readonly path: string | undefined;
  readonly files: OperatorFiles;
  readonly timers: Timers;
  readonly log: OperatorFileLog;
  /** Called with each list that comes into force. */
  readonly changed: (whitelist: Whitelist) => void;
}

/**
 * Follows `rate-limit-whitelist.json` (spec section 2.10).
 *
 * Fault model: a bad file keeps the list in force, whole; there is never a half of a list.
 */
export class WhitelistFile {
  readonly #options: WhitelistFileOptions;
  readonly #file: PolledFile | undefined;
  #current = Whitelist.empty;

  constructor(options: WhitelistFileOptions) {
    this.#options = options;
    const { path, files, timers, log } = options;
    this.#file =
      path === undefined
        ? undefined
        : new PolledFile({ path, files, timers, log, apply: (text) => this.#set(parse(text ?? '[]')) });
  }

  /** The list in force. */
  get current(): Whitelist {
    return this.#current;
  }

  /** Reads the file and begins to follow it. Never rejects. */
  async start(): Promise<void> {
    await this.#file?.start();
  }

  /** Stops following the file. */
  async stop(): Promise<void> {
    await this.#file?.stop();
  }

  /**
   * Puts a list in force and writes the file. Rejects with `whitelist_invalid`, or with the error of the file system
   * when the list is in force but could not be written.
   */
  async replace(entries: readonly WhitelistEntry[]): Promise<void> {
    this.#set(Whitelist.of(entries));
    await this.#file?.write(() => `${JSON.stringify(this.#current.entries, null, 2)}\n`);
  }

  #set(whitelist: Whitelist): void {
    this.#current = whitelist;
    this.#options.changed(whitelist);
  }
}

function parse(text: string): Whitelist {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw admissionErrors.create('whitelist_invalid', `rate limit whitelist: not JSON: ${String(cause)}`, {
      cause,
    });
  }
  return Whitelist.fromJson(document);
}
