import { coordinationErrors } from '../errors.ts';
import type { StoreFile } from './files.ts';
import { storageError } from './storage-error.ts';

/** Bytes of one read of the disk. With the one that is read ahead a reader holds no more than twice as many. */
const CHUNK_BYTES = 524_288;

/** A body that can be read without new memory for every chunk. */
export interface LendingBody extends AsyncIterable<Uint8Array> {
  /**
   * The same bytes, once, instead of the usual iteration; but a chunk is the reader's only until it asks for the next one:
   * two buffers are filled in turn.
   */
  borrow(): AsyncIterableIterator<Uint8Array>;
}

/**
 * The bytes `start` to `end` (both included) of an open file, which is closed at the end, at an error, and when the loop
 * is left. The next chunk is read while one is being used.
 */
export class ObjectBody implements AsyncIterableIterator<Uint8Array>, LendingBody {
  readonly #file: StoreFile;
  readonly #onClose: () => void;
  readonly #end: number;
  #position: number;
  #ahead: Promise<Uint8Array> | undefined;
  #isClosed = false;
  /** When lending: the buffer to be filled next, and the one that is lent. */
  #buffers: [Uint8Array, Uint8Array] | undefined;

  constructor(file: StoreFile, start: number, end: number, onClose: () => void) {
    this.#file = file;
    this.#position = start;
    this.#end = end;
    this.#onClose = onClose;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  borrow(): this {
    const length = Math.max(0, Math.min(CHUNK_BYTES, this.#end + 1 - this.#position));
    this.#buffers = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isClosed) return { done: true, value: undefined };
    const chunk = this.#ahead ?? this.#read();
    this.#ahead = undefined;
    if (chunk === undefined) {
      await this.#close();
      return { done: true, value: undefined };
    }
    try {
      const value = await chunk;
      this.#ahead = this.#read();
      this.#ahead?.catch(() => {});
      return { done: false, value };
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  #read(): Promise<Uint8Array> | undefined {
    const length = Math.min(CHUNK_BYTES, this.#end + 1 - this.#position);
    if (length <= 0) return undefined;
    const position = this.#position;
    this.#position += length;
    return this.#readChunk(position, length);
  }

  async #readChunk(position: number, length: number): Promise<Uint8Array> {
    const target = this.#bufferOf(length);
    let read: number;
    try {
      read = await this.#file.read(position, target);
    } catch (error) {
      throw storageError(error, 'an object could not be read');
    }
    if (read === length) return target;
    throw coordinationErrors.create('STORAGE_UNAVAILABLE', 'an object became shorter while it was read');
  }

  #bufferOf(length: number): Uint8Array {
    if (this.#buffers === undefined) return Buffer.allocUnsafeSlow(length);
    const [next, lent] = this.#buffers;
    this.#buffers = [lent, next];
    return next.subarray(0, length);
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A read that is under way uses the file until it is over.
    await this.#ahead?.catch(() => {});
    this.#onClose();
    try {
      await this.#file.close();
    } catch {
      // Nothing was written; nothing can be lost.
    }
  }
}
