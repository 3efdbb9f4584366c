/** The log of a child: a file that is moved aside once it has grown to its bound, so that two bounds are all it takes. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Size at which a log is moved to `<path>.1`, over the one before. */
export const MAX_LOG_BYTES = 4 * 1024 * 1024;
/** Lines are cut here. */
const MAX_LINE = 16_384;

/** A log. Members write a few lines a second at most, so each is written at once. A disk that refuses makes lines get lost. */
export class BoundedLog {
  readonly #path: string;
  readonly #maxBytes: number;
  #file: number | undefined;
  #bytes = 0;

  constructor(path: string, maxBytes = MAX_LOG_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#open();
  }

  write(line: string): void {
    const text = `${line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line}\n`;
    const size = Buffer.byteLength(text);
    if (this.#bytes + size > this.#maxBytes) this.#turn();
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, text);
      this.#bytes += size;
    } catch {
      // A full disk: the line is lost.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #turn(): void {
    this.close();
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch {
      // Gone already, or the disk refuses: opening it tells.
    }
    this.#open();
  }

  #open(): void {
    try {
      this.#file = openSync(this.#path, 'a', 0o600);
      this.#bytes = fstatSync(this.#file).size;
    } catch {
      this.#file = undefined;
    }
  }
}
