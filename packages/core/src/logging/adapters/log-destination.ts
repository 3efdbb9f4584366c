import { write, writeSync } from 'node:fs';
import { errorCode } from '../../errors.ts';

/** Where finished log lines go. */
export interface LogDestination {
  /** Takes one line that ends in a newline. Never throws, never waits. */
  write(line: string): void;
  /** Writes out what is buffered before returning; gives up after a second when the reader does not take it. */
  flush(): void;
  /** Lines lost because the reader of the log did not keep up, or is gone. */
  readonly droppedLines: number;
}

/** Bytes of lines that wait for a slow reader of the log; beyond it, lines are dropped and counted. */
export const MAX_BUFFERED_LOG_BYTES = 1024 * 1024;

const BUSY_RETRY_MS = 10;
const MAX_BUSY_RETRIES = 100;

/**
 * The standard output or standard error of this process.
 *
 * Fault model: the reader may be slow (lines are buffered up to {@link MAX_BUFFERED_LOG_BYTES}, then dropped and
 * counted; the event loop never waits for it), it may go away, and the device may fail (from then on all lines are
 * dropped and counted; nothing else is disturbed). What is buffered when the process exits is written then.
 */
export function processLogDestination(stream: 'stdout' | 'stderr'): LogDestination {
  const destination = new DescriptorDestination(stream === 'stdout' ? 1 : 2);
  process.on('exit', () => destination.flush());
  return destination;
}

class DescriptorDestination implements LogDestination {
  readonly #descriptor: number;
  #lines: string[] = [];
  #bufferedBytes = 0;
  /** True from the moment that a write is planned until nothing is left to write. */
  #writing = false;
  #broken = false;
  #droppedLines = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#broken || this.#bufferedBytes + bytes > MAX_BUFFERED_LOG_BYTES) {
      this.#droppedLines += 1;
      return;
    }
    this.#lines.push(line);
    this.#bufferedBytes += bytes;
    if (this.#writing) return;
    this.#writing = true;
    // The lines of one turn go out together; before an exit in the same turn, `flush` still finds them all.
    setImmediate(() => this.#writeBuffered());
  }

  flush(): void {
    let data = this.#take();
    for (let retries = 0; data.length > 0 && !this.#broken && retries < MAX_BUSY_RETRIES;) {
      try {
        data = data.subarray(writeSync(this.#descriptor, data));
      } catch (error) {
        if (errorCode(error) !== 'EAGAIN') this.#broken = true;
        retries += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_RETRY_MS);
      }
    }
  }

  #take(): Buffer {
    const data = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#bufferedBytes = 0;
    return data;
  }

  #writeBuffered(): void {
    const data = this.#take();
    if (data.length === 0) this.#writing = false;
    else this.#writeAll(data);
  }

  #writeAll(data: Buffer): void {
    this.#bufferedBytes += data.length;
    write(this.#descriptor, data, (error, written) => {
      this.#bufferedBytes = Math.max(0, this.#bufferedBytes - data.length);
      if (error === null) {
        if (written < data.length) this.#writeAll(data.subarray(written));
        else this.#writeBuffered();
      } else if (error.code === 'EAGAIN') {
        setTimeout(() => this.#writeAll(data), BUSY_RETRY_MS).unref();
      } else {
        this.#broken = true;
        this.#droppedLines += this.#lines.length;
        this.#take();
      }
    });
  }
}
