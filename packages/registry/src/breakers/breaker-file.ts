import type { Clock, Timers } from '@muster/core';
import { PolledFile } from '../operator-files/polled-file.ts';
import type { OperatorFileLog, OperatorFiles } from '../operator-files/operator-files.ts';
import {
  type BreakerName,
  type BreakerSet,
  type BreakerSetting,
  isBreakerName,
  parseBreakerState,
} from './breaker-set.ts';
import { breakerErrors } from './errors.ts';

/** The name of the file in the data folder. */
export const BREAKER_FILE_NAME = 'breakers.json';
/** The longest reason that is kept, in UTF-16 units; it is part of the text of every refused call. */
export const MAX_BREAKER_REASON_LENGTH = 512;

/** The settings of a file. */
export interface BreakerFileContents {
  readonly settings: ReadonlyMap<BreakerName, BreakerSetting>;
  /** Settings for breakers that this server does not have; kept when the file is written. */
  readonly foreign: ReadonlyMap<string, BreakerSetting>;
}

/**
 * Reads the text of `breakers.json`: an object `{"<name>": {"state", "reason"}}`, or the array form
 * `[{"name", "state", "reason"}]`. Throws `breaker_file_invalid`, `breaker_state_unknown`.
 */
export function parseBreakerFile(text: string): BreakerFileContents {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw breakerErrors.create('breaker_file_invalid', `breakers file: not JSON: ${String(cause)}`, {
      cause,
    });
  }
  if (!isObject(document)) {
    throw breakerErrors.create('breaker_file_invalid', 'breakers file: want an object of breakers');
  }
  const entries: readonly (readonly [string, unknown])[] = Array.isArray(document)
    ? document.map((entry: unknown, index) => [nameOf(entry, index), entry] as const)
    : Object.entries(document);
  const settings = new Map<BreakerName, BreakerSetting>();
  const foreign = new Map<string, BreakerSetting>();
  for (const [name, value] of entries) {
    const setting = parseSetting(name, value);
    if (isBreakerName(name)) settings.set(name, setting);
    else foreign.set(name, setting);
  }
  return { settings, foreign };
}

/** The text of `breakers.json`: the object form, indented, every breaker that is not simply closed. */
export function formatBreakerFile(
  breakers: BreakerSet,
  foreign: ReadonlyMap<string, BreakerSetting>,
): string {
  const entries: [string, BreakerSetting][] = [];
  for (const { name, state, reason } of breakers.list()) {
    if (state !== 'closed' || reason !== '') entries.push([name, { state, reason }]);
  }
  return `${JSON.stringify(Object.fromEntries([...entries, ...foreign]), null, 2)}\n`;
}

/** What the file needs. */
export interface BreakerFileOptions {
  /** Path of `breakers.json`; undefined for a registry that keeps everything in memory. */
  readonly path: string | undefined;
  readonly breakers: BreakerSet;
  readonly files: OperatorFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: OperatorFileLog;
}

/**
 * Keeps a {@link BreakerSet} and `breakers.json` in step, both ways (spec section 3.2).
 *
 * Fault model: a bad file keeps the state in force. A change through {@link BreakerFile.set} is in force at once
 * and stays in force when the file can't be written (the caller is told); a restart would then forget it.
 */
export class BreakerFile {
  readonly #options: BreakerFileOptions;
  readonly #file: PolledFile | undefined;
  #foreign: ReadonlyMap<string, BreakerSetting> = new Map();

  constructor(options: BreakerFileOptions) {
    this.#options = options;
    const { path, files, timers, log } = options;
    this.#file =
      path === undefined
        ? undefined
        : new PolledFile({ path, files, timers, log, apply: (text) => this.#apply(text) });
  }

  /** Reads the file and begins to follow it. Never rejects. */
  async start(): Promise<void> {
    await this.#file?.start();
  }

  /** Stops following the file. */
  async stop(): Promise<void> {
    await this.#file?.stop();
  }

  /** Looks at the file now rather than at the next poll. Never rejects. */
  async poll(): Promise<void> {
    await this.#file?.poll();
  }

  /**
   * Sets one breaker and writes the file; an edit of the file that was not yet seen is taken in first. Rejects with
   * `breaker_unknown`, `breaker_state_unknown`, or, when the setting is in force but could not be written, with the
   * error of the file system.
   */
  async set(name: string, state: string, reason: string): Promise<void> {
    const breaker = this.#options.breakers.find(name);
    const setting = { state: parseBreakerState(state), reason: reason.slice(0, MAX_BREAKER_REASON_LENGTH) };
    await this.poll();
    breaker.set(setting, this.#options.clock.now());
    await this.#write();
  }

  /** Closes one breaker and takes it out of the file. Errors as {@link BreakerFile.set}. */
  async clear(name: string): Promise<void> {
    await this.set(name, 'closed', '');
  }

  async #write(): Promise<void> {
    await this.#file?.write(() => formatBreakerFile(this.#options.breakers, this.#foreign));
  }

  #apply(text: string | undefined): void {
    const { breakers, clock, log } = this.#options;
    const { settings, foreign } = parseBreakerFile(text ?? '{}');
    this.#foreign = foreign;
    if (foreign.size > 0) {
      log.warn(
        { names: [...foreign.keys()].slice(0, 10) },
        'breakers file names breakers that do not exist here',
      );
    }
    const changed = breakers.replaceAll(settings, clock.now());
    if (changed.length > 0) log.info({ changed }, 'breakers changed by file');
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function nameOf(entry: unknown, index: number): string {
  if (isObject(entry) && typeof entry['name'] === 'string') return entry['name'];
  throw breakerErrors.create('breaker_file_invalid', `breakers file: entry ${index} has no name`);
}

function parseSetting(name: string, value: unknown): BreakerSetting {
  const text = (member: string): string => {
    const found = isObject(value) ? (value[member] ?? '') : undefined;
    if (typeof found === 'string') return found;
    throw breakerErrors.create(
      'breaker_file_invalid',
      `breakers file: ${JSON.stringify(name)}: want an object with a text "${member}"`,
    );
  };
  return {
    state: parseBreakerState(text('state')),
    reason: text('reason').slice(0, MAX_BREAKER_REASON_LENGTH),
  };
}
