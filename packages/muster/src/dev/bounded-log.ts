/** The log of a child: a file that is moved aside once when it has grown to its bound, so that two bounds are all it takes. */
import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';

/** Size at which a log is moved to `<path>.1`, over the one before. */
export const MAX_LOG_BYTES = 4 * 1024 * 1024;
/** Lines are cut here. */
const MAX_LINE = 16_384;

/** A log. A disk that refuses makes lines get lost, nothing else. */
export class BoundedLog {
  readonly #path: string;
  readonly #maxBytes: number;
  #stream: WriteStream;
  #bytes: number;

  constructor(path: string, maxBytes = MAX_LOG_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.#stream = this.#open();
  }

  write(line: string): void {
    const text = `${line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line}\n`;
    const size = Buffer.byteLength(text);
    if (this.#bytes + size > this.#maxBytes) this.#turn();
    this.#bytes += size;
    this.#stream.write(text);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => void this.#stream.end(() => resolve()));
  }

  #turn(): void {
    this.#stream.end();
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch {
      // Gone already, or the disk refuses: the new stream tells.
    }
    this.#bytes = 0;
    this.#stream = this.#open();
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: 'a', mode: 0o600 });
    stream.on('error', () => stream.destroy());
    return stream;
  }
}
