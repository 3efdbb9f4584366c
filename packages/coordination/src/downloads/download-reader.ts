import { coordinationErrors } from '../errors.ts';
import type { WriterFollower } from '../store/store-writer.ts';

/** Bytes of one read. A reader holds no other. */
const CHUNK_BYTES = 524_288;

/** What a reader sees of its download at a moment. */
export interface ReadableState {
  /** Bytes that may be shown. */
  readonly shownBytes: number;
  /** The size, where it is certain enough to be an end: known, or everything is here. */
  readonly size: number | undefined;
  readonly isComplete: boolean;
  /** The file of the current attempt; undefined before the first byte. */
  readonly follower: WriterFollower | undefined;
  readonly failure: unknown;
}

/** The download, as its readers see it. */
export interface ReaderHome {
  readonly state: () => ReadableState;
  /** Resolves at the next change. */
  readonly changed: () => Promise<void>;
  readonly onLeave: (reader: DownloadReader) => void;
}

/**
 * Follows a download at its own pace: it reads the temporary file where it is, waits for more where it is not, and neither
 * buffers nor holds anybody back.
 */
export class DownloadReader implements AsyncIterableIterator<Uint8Array> {
  readonly #home: ReaderHome;
  readonly #end: number | undefined;
  #position: number;
  #hasBytes = false;
  #cut: unknown;
  #isCut = false;
  #isDone = false;

  constructor(home: ReaderHome, range: { readonly start: number; readonly end?: number } | undefined) {
    this.#home = home;
    this.#position = range?.start ?? 0;
    this.#end = range?.end;
  }

  /** True when bytes have been handed out, which can't be taken back. */
  get hasBytes(): boolean {
    return this.#hasBytes;
  }

  /** Ends the reader with an error: what it has got is not to be completed. */
  cut(reason: unknown): void {
    if (this.#isDone || this.#isCut) return;
    this.#isCut = true;
    this.#cut = reason;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      if (this.#isDone) return { done: true, value: undefined };
      this.#throwIfCut();
      const state = this.#home.state();
      if (state.failure !== undefined) throw this.#leaveWith(state.failure);
      const chunk = await this.#take(state);
      if (chunk !== undefined) return { done: false, value: chunk };
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#leave();
    return { done: true, value: undefined };
  }

  /** Bytes, or undefined when something has changed or the end is reached. */
  async #take(state: ReadableState): Promise<Uint8Array | undefined> {
    const { size, shownBytes, isComplete, follower } = state;
    if (size !== undefined && this.#position >= size && this.#position > 0 && !this.#hasBytes) {
      throw this.#leaveWith(
        coordinationErrors.create('RANGE_NOT_SATISFIABLE', 'the range is not in the object', {
          details: { size },
        }),
      );
    }
    const limit = this.#end === undefined ? shownBytes : Math.min(shownBytes, this.#end + 1);
    if (this.#position < limit && follower !== undefined) return this.#read(follower, limit);
    const isAtEnd = this.#end !== undefined && this.#position > this.#end;
    if (isAtEnd || (isComplete && this.#position >= shownBytes)) this.#leave();
    else await this.#home.changed();
    return undefined;
  }

  async #read(follower: WriterFollower, limit: number): Promise<Uint8Array | undefined> {
    const target = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, limit - this.#position));
    // From here on a restart must not leave this reader with bytes of the old attempt and hopes of the new one.
    this.#hasBytes = true;
    let read: number;
    try {
      read = await follower.read(this.#position, target);
    } catch (error) {
      this.#throwIfCut();
      throw this.#leaveWith(error);
    }
    this.#throwIfCut();
    if (this.#isDone) return undefined;
    if (read < target.length) {
      throw this.#leaveWith(
        coordinationErrors.create('STORAGE_UNAVAILABLE', 'a temporary file is shorter than what was written'),
      );
    }
    this.#position += read;
    return target;
  }

  #throwIfCut(): void {
    if (this.#isCut) throw this.#leaveWith(this.#cut);
  }

  #leaveWith(error: unknown): unknown {
    this.#leave();
    return error;
  }

  #leave(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#home.onLeave(this);
  }
}
