import type { TimerHandle, Timers } from '@muster/core';
import type { OperatorFileLog, OperatorFiles, OperatorFileStamp } from './operator-files.ts';

/** How often an operator file is looked at (spec sections 2.10 and 3.2). */
export const OPERATOR_FILE_POLL_INTERVAL_MS = 2_000;
/** The largest operator file that is read. */
export const OPERATOR_FILE_MAX_BYTES = 1_048_576;

/** What a polled file needs to know. */
export interface PolledFileOptions {
  readonly path: string;
  readonly files: OperatorFiles;
  readonly timers: Timers;
  readonly log: OperatorFileLog;
  /** @default OPERATOR_FILE_POLL_INTERVAL_MS */
  readonly pollIntervalMs?: number;
  /**
   * Takes a new text, or undefined when the file is gone. It throws when the text is bad, and must then have
   * changed nothing: the state in force stays as it was.
   */
  readonly apply: (text: string | undefined) => void;
}

/**
 * Follows one operator file by its modification time and size.
 *
 * Fault model: a file that can't be read or makes no sense changes nothing and is reported once per version of
 * the file. A file counts as gone only when two polls in a row miss it, because some editors remove and re-create.
 * Reads and own writes never overlap.
 */
export class PolledFile {
  readonly #options: PolledFileOptions;
  #stamp: OperatorFileStamp | undefined;
  #misses = 0;
  #gone = true;
  #reported = '';
  #timer: TimerHandle | undefined;
  #queue: Promise<void> = Promise.resolve();
  #pollWaiting = false;

  constructor(options: PolledFileOptions) {
    this.#options = options;
  }

  /** Reads the file for the first time and begins to poll. Never rejects: a bad file is reported and left alone. */
  async start(): Promise<void> {
    await this.poll();
    this.#timer ??= this.#options.timers.every(
      this.#options.pollIntervalMs ?? OPERATOR_FILE_POLL_INTERVAL_MS,
      () => void this.poll(),
    );
  }

  /** Stops polling and waits for what is under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#queue;
  }

  /** Looks at the file now. Never rejects. A poll that finds another one waiting joins it. */
  async poll(): Promise<void> {
    if (!this.#pollWaiting) {
      this.#pollWaiting = true;
      this.#enqueue(async () => {
        this.#pollWaiting = false;
        await this.#look();
      }).catch(() => undefined);
    }
    await this.#queue;
  }

  /**
   * Replaces the file with the text that `compose` returns when its turn has come. The own version is remembered,
   * so that the next poll does not take it for an operator's edit. Rejects with the error of the file system.
   */
  async write(compose: () => string): Promise<void> {
    const { files, path } = this.#options;
    await this.#enqueue(async () => {
      await files.replace(path, compose());
      this.#stamp = await files.stamp(path);
      this.#gone = false;
      this.#misses = 0;
    });
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #look(): Promise<void> {
    const { files, path, apply, log } = this.#options;
    let stamp: OperatorFileStamp | undefined;
    try {
      stamp = await files.stamp(path);
      if (stamp === undefined) {
        this.#missed();
        return;
      }
      this.#misses = 0;
      if (stamp.modifiedMs === this.#stamp?.modifiedMs && stamp.sizeBytes === this.#stamp.sizeBytes) return;
      // The stamp is taken before the text: an edit in between shows as a newer stamp at the next poll.
      const text = await files.read(path, OPERATOR_FILE_MAX_BYTES);
      apply(text);
      this.#stamp = stamp;
      this.#gone = false;
      this.#reported = '';
      log.info({ path, sizeBytes: stamp.sizeBytes }, 'operator file loaded');
    } catch (error) {
      if (stamp !== undefined && isContentError(error)) this.#stamp = stamp;
      this.#report(stamp, error);
    }
  }

  #missed(): void {
    this.#misses += 1;
    if (this.#gone || this.#misses < 2) return;
    this.#gone = true;
    this.#stamp = undefined;
    this.#options.apply(undefined);
    this.#options.log.info({ path: this.#options.path }, 'operator file removed, its settings end');
  }

  #report(stamp: OperatorFileStamp | undefined, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const key = `${stamp?.modifiedMs ?? ''}/${stamp?.sizeBytes ?? ''}/${text}`;
    if (key === this.#reported) return;
    this.#reported = key;
    this.#options.log.warn(
      { path: this.#options.path, error: text },
      'operator file not usable, the previous settings stay in force',
    );
  }
}

/** A system error may pass (and is tried again at the next poll); a bad text stays bad until the file changes. */
function isContentError(error: unknown): boolean {
  return !(typeof error === 'object' && error !== null && 'syscall' in error);
}
