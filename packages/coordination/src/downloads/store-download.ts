/**
 * The one download of a digest on this node (13.7): a temporary file with a running SHA-256, one feeder, any number of
 * readers.
 *
 * Fault model: sources lie about sizes and bytes, break off anywhere, and are replaced in the middle; the disk fills up;
 * readers are slow or leave. Whatever happens, no reader gets a complete wrong body (I1): the last 65,536 bytes, and all of
 * a small object or a manifest, are withheld until the digest has matched, and whoever has bytes of an attempt that turned
 * out wrong is cut.
 */

import { errorCode, type TimerHandle, type Timers } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { Download, Feeder } from '../parts.ts';
import type { FollowableWriter, WriterFollower } from '../store/store-writer.ts';
import type { Digest, ObjectKind } from '../types.ts';
import { DownloadFeeder } from './download-feeder.ts';
import { DownloadReader, type ReaderHome } from './download-reader.ts';

export interface DownloadLimits {
  readonly holdbackBytes: number;
  readonly verifyFirstMaxBytes: number;
}

export interface StoreDownloadParts {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** What is believed of the size; a source that says otherwise is right. */
  readonly sizeHint: number | undefined;
  readonly limits: DownloadLimits;
  /** Begins an attempt. The first has begun when the download is made. */
  readonly newWriter: (size: number | undefined) => Promise<FollowableWriter>;
  readonly firstWriter: FollowableWriter;
  /** Reads what was committed and let go. */
  readonly fromStore: (range: ReadRange | undefined) => AsyncIterable<Uint8Array>;
  readonly timers: Pick<Timers, 'after'>;
  /** Called once, when it needs no longer be found: committed, or failed. */
  readonly onEnd: () => void;
}

type Source = NonNullable<Download['source']>;
type ReadRange = { readonly start: number; readonly end?: number };

/** Bytes that were written, and where readers find them. */
interface Attempt {
  readonly writer: FollowableWriter;
  readonly follower: WriterFollower;
}

/** How long an object that is not kept can still be read after the last reader. */
const LINGER_MS = 30_000;

export class StoreDownload implements Download {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly done: Promise<{ readonly size: number }>;
  readonly #parts: StoreDownloadParts;
  readonly #home: ReaderHome;
  readonly #ended = Promise.withResolvers<{ readonly size: number }>();
  readonly #readers = new Set<DownloadReader>();
  #state: Download['state'] = 'open';
  #attempt: Attempt | undefined;
  #size: number | undefined;
  /** True when a source has said the size, or all bytes are here. */
  #isSizeCertain = false;
  /** The last size that readers were told. */
  #toldSize: number | undefined;
  #received = 0;
  #source: Source | undefined;
  #feeder: DownloadFeeder | undefined;
  #failure: unknown;
  #failureAfterCommit: unknown;
  #change = Promise.withResolvers<void>();
  #sized = Promise.withResolvers<number>();
  /** Room on the disk for a size that became known later. */
  #room: Promise<void> = Promise.resolve();
  /** The last write. */
  #tail: Promise<void> = Promise.resolve();
  #isKept = true;
  #linger: TimerHandle | undefined;

  constructor(parts: StoreDownloadParts) {
    this.#parts = parts;
    this.digest = parts.digest;
    this.kind = parts.kind;
    this.done = this.#ended.promise;
    this.done.catch(() => {});
    this.#sized.promise.catch(() => {});
    this.#size = parts.sizeHint;
    this.#attempt = { writer: parts.firstWriter, follower: parts.firstWriter.follow() };
    this.#home = {
      state: () => ({
        shownBytes: this.#shownBytes(),
        size: this.#isSizeCertain ? this.#size : undefined,
        isComplete: this.#state === 'committed',
        follower: this.#attempt?.follower,
        failure: this.#failure,
      }),
      changed: async () => this.#change.promise,
      onLeave: (reader) => {
        this.#readers.delete(reader);
        this.#notify();
        this.#letGo();
      },
    };
  }

  get state(): Download['state'] {
    return this.#state;
  }

  get size(): number | undefined {
    return this.#size;
  }

  get receivedBytes(): number {
    return this.#received;
  }

  get readers(): number {
    return this.#readers.size;
  }

  get source(): Source | undefined {
    return this.#source;
  }

  get isFed(): boolean {
    return this.#feeder !== undefined;
  }

  feed(): Feeder | undefined {
    if (this.#state !== 'open' || this.#feeder !== undefined) return undefined;
    const feeder = new DownloadFeeder({
      offset: () => this.#received,
      setSize: (size) => this.#setSize(size),
      setSource: (source) => {
        this.#source = source;
      },
      write: async (data) => this.#write(data),
      complete: async () => this.#complete(),
      restart: async () => {
        await this.#tail;
        await this.#reset();
      },
      release: () => {
        if (this.#feeder !== feeder) return;
        this.#feeder = undefined;
        this.#source = undefined;
      },
      failure: () => this.#failure,
    });
    this.#feeder = feeder;
    return feeder;
  }

  async whenSize(): Promise<number> {
    return this.#sized.promise;
  }

  read(range?: ReadRange): AsyncIterable<Uint8Array> {
    if (this.#state === 'committed' && this.#attempt === undefined) return this.#parts.fromStore(range);
    this.#linger?.cancel();
    const reader = new DownloadReader(this.#home, range);
    this.#readers.add(reader);
    return reader;
  }

  fail(error: unknown): void {
    if (this.#state === 'committed' || this.#state === 'failed') return;
    const failure = error ?? new Error('the download was given up');
    if (this.#state === 'verifying') {
      // A commit that has begun is left to its end: verified bytes are welcome whoever has lost patience.
      this.#failureAfterCommit ??= failure;
      return;
    }
    this.#state = 'failed';
    this.#failure = failure;
    this.#sized.reject(this.#failure);
    this.#ended.reject(this.#failure);
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#feeder = undefined;
    this.#notify();
    this.#parts.onEnd();
    if (attempt !== undefined) void closeAttempt(attempt);
  }

  /** How many bytes from the beginning may be shown. */
  #shownBytes(): number {
    if (this.#state === 'committed') return this.#received;
    if (this.kind === 'manifest') return 0;
    const { holdbackBytes, verifyFirstMaxBytes } = this.#parts.limits;
    const isCertain = this.#isSizeCertain && this.#size !== undefined;
    if ((isCertain ? (this.#size as number) : this.#received) <= verifyFirstMaxBytes) return 0;
    const end = isCertain ? (this.#size as number) : this.#received;
    return Math.max(0, Math.min(this.#received, end - holdbackBytes));
  }

  #setSize(size: number): void {
    if (this.#isSizeCertain ? size !== this.#size : size < this.#received) {
      throw mismatch(this.digest, 'sources disagree about the size of the object', {
        reason: 'size',
        size,
        otherSize: this.#isSizeCertain ? this.#size : this.#received,
      });
    }
    if (this.#isSizeCertain) return;
    this.#isSizeCertain = true;
    this.#size = size;
    if (this.#toldSize !== undefined && this.#toldSize !== size) {
      // Whoever read before may have sent the old size to a client.
      this.#cut(() => true);
    }
    this.#toldSize = size;
    this.#sized.resolve(size);
    const { writer } = this.#attempt ?? {};
    if (writer !== undefined) {
      this.#room = writer.expect(size);
      this.#room.catch(() => {});
    }
    this.#notify();
  }

  async #write(data: Uint8Array): Promise<void> {
    const turn = this.#tail.then(async () => this.#writeNow(data));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  async #writeNow(data: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (this.#isSizeCertain && this.#received + data.length > (this.#size as number)) {
      throw mismatch(this.digest, 'there are more bytes than were announced', { reason: 'long' });
    }
    try {
      await this.#room;
      const attempt = await this.#currentAttempt();
      this.#throwIfFailed();
      await attempt.writer.write(data);
      this.#throwIfFailed();
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.#received += data.length;
    this.#notify();
  }

  async #currentAttempt(): Promise<Attempt> {
    if (this.#attempt !== undefined) return this.#attempt;
    const writer = await this.#parts.newWriter(this.#size);
    const attempt = { writer, follower: writer.follow() };
    if (this.#failure === undefined) this.#attempt = attempt;
    else await closeAttempt(attempt);
    return attempt;
  }

  async #complete(): Promise<void> {
    await this.#tail;
    this.#throwIfFailed();
    if (this.#isSizeCertain && this.#received !== this.#size) {
      throw mismatch(this.digest, 'there are fewer bytes than were announced', { reason: 'short' });
    }
    try {
      await this.#room;
      const { writer } = await this.#currentAttempt();
      this.#throwIfFailed();
      this.#state = 'verifying';
      await writer.expect(this.#received);
      this.#committed(await writer.commit());
    } catch (error) {
      if (this.#state === 'verifying') this.#state = 'open';
      if (this.#failureAfterCommit !== undefined) this.fail(this.#failureAfterCommit);
      else if (errorCode(error) === 'DIGEST_MISMATCH') await this.#reset();
      else this.fail(error);
      throw error;
    }
  }

  #committed({ size, isAdmitted }: { readonly size: number; readonly isAdmitted: boolean }): void {
    this.#state = 'committed';
    this.#isKept = isAdmitted;
    this.#size = size;
    this.#isSizeCertain = true;
    this.#feeder = undefined;
    this.#sized.resolve(size);
    this.#ended.resolve({ size });
    this.#notify();
    if (isAdmitted) this.#parts.onEnd();
    this.#letGo();
  }

  /** Throws away what is here, and the readers that have got some of it. */
  async #reset(): Promise<void> {
    this.#throwIfFailed();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#received = 0;
    this.#size = this.#parts.sizeHint;
    if (this.#isSizeCertain) {
      this.#isSizeCertain = false;
      this.#sized = Promise.withResolvers();
      this.#sized.promise.catch(() => {});
    }
    this.#cut((reader) => reader.hasBytes);
    if (attempt !== undefined) await closeAttempt(attempt);
  }

  #cut(isConcerned: (reader: DownloadReader) => boolean): void {
    const error = mismatch(this.digest, 'the download began again from zero', { reason: 'restarted' });
    for (const reader of this.#readers) if (isConcerned(reader)) reader.cut(error);
    this.#notify();
  }

  #notify(): void {
    const change = this.#change;
    this.#change = Promise.withResolvers();
    change.resolve();
  }

  /** Closes the file when it is committed and nobody reads. What the store does not keep stays for a while. */
  #letGo(): void {
    if (this.#state !== 'committed' || this.#readers.size > 0 || this.#attempt === undefined) return;
    if (this.#isKept) {
      this.#close();
      return;
    }
    this.#linger?.cancel();
    this.#linger = this.#parts.timers.after(LINGER_MS, () => {
      this.#parts.onEnd();
      this.#close();
    });
  }

  #close(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    void attempt?.follower.close();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

async function closeAttempt(attempt: Attempt): Promise<void> {
  await attempt.writer.abort();
  await attempt.follower.close();
}

function mismatch(digest: Digest, message: string, details: Record<string, unknown>): Error {
  return coordinationErrors.create('DIGEST_MISMATCH', message, { details: { digest, ...details } });
}
