import type { StorageFile } from '@muster/core';

const WINDOW_BYTES = 2 * 1024 * 1024;

/** Reads a file front to back through one buffer that is used again and again. */
export class FileWindow {
  readonly fileBytes: number;
  readonly #file: StorageFile;
  #buffer: Buffer;
  /** Position in the file of the first byte of the buffer. */
  #start = 0;
  #length = 0;

  constructor(file: StorageFile, fileBytes: number) {
    this.#file = file;
    this.fileBytes = fileBytes;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(WINDOW_BYTES, fileBytes)));
  }

  /** The buffer; valid until the next {@link load}. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Where in the buffer a position of the file is. */
  index(position: number): number {
    return position - this.#start;
  }

  /** Whether `length` bytes from `position` are in the buffer. */
  has(position: number, length: number): boolean {
    return position >= this.#start && position + length <= this.#start + this.#length;
  }

  /** How far the buffer reaches, as a position in the file. */
  get end(): number {
    return this.#start + this.#length;
  }

  /** Moves on so that `length` bytes from `position` are in the buffer; false when the file ends before. */
  async load(position: number, length: number): Promise<boolean> {
    if (position + length > this.fileBytes) return false;
    const kept = position >= this.#start && position < this.end ? this.end - position : 0;
    const from = this.index(position);
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(length);
      this.#buffer.copy(larger, 0, from, from + kept);
      this.#buffer = larger;
    } else if (kept > 0) {
      this.#buffer.copyWithin(0, from, from + kept);
    }
    const want = Math.min(this.#buffer.length, this.fileBytes - position) - kept;
    const got = await this.#file.readInto(position + kept, this.#buffer.subarray(kept, kept + want));
    this.#start = position;
    this.#length = kept + got;
    return this.#length >= length;
  }
}
