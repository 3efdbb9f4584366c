import type { Timers } from '@muster/core';
import { discoveryErrors } from '../../src/errors.ts';
import type { Deadline, FrameStream, RemotePeer } from '../../src/overlay/overlay.ts';

/** Time-outs of a network without timers never come. */
export type DeadlineTimers = Pick<Timers, 'after'> | undefined;

/** Waits for `start`'s callbacks within the deadline; `start` returns what is to be done when it ends otherwise. */
export async function within<T>(
  timers: DeadlineTimers,
  { timeoutMs, signal }: Deadline,
  what: string,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  signal?.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    let undo: () => void = () => {};
    const cleanUp = (): void => {
      undo();
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      cleanUp();
      reject(signal?.reason as Error);
    };
    const timer = timers?.after(timeoutMs, () => {
      cleanUp();
      reject(discoveryErrors.create('STREAM_TIMEOUT', `${what} took longer than ${timeoutMs} ms`));
    });
    signal?.addEventListener('abort', onAbort);
    undo = start(
      (value) => {
        cleanUp();
        resolve(value);
      },
      (error) => {
        cleanUp();
        reject(error as Error);
      },
    );
  });
}

/**
 * One end of a stream in memory. What is written goes through JSON, as over the wire; a reset loses what the other side
 * has not read yet, as it may over the wire.
 */
export class MemoryStream implements FrameStream {
  readonly remote: RemotePeer;
  readonly protocol: string;
  readonly ended: Promise<void>;
  /** Set by {@link streamPair}. */
  other!: MemoryStream;
  /** What was written at this end, in order, for assertions. */
  readonly written: object[] = [];
  readonly #timers: DeadlineTimers;
  readonly #inbox: string[] = [];
  #isWriteClosed = false;
  #isClosed = false;
  #isReset = false;
  #hasEnded = false;
  #end: () => void = () => {};
  #wake: (() => void) | undefined;

  constructor(remote: RemotePeer, protocol: string, timers: DeadlineTimers) {
    this.remote = remote;
    this.protocol = protocol;
    this.#timers = timers;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isReset(): boolean {
    return this.#isReset;
  }

  async write(message: object, { signal }: Deadline): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    if (this.#isReset) throw discoveryErrors.create('STREAM_RESET', 'the stream was reset');
    if (this.#isWriteClosed) throw discoveryErrors.create('STREAM_CLOSED', 'the stream is closed');
    this.written.push(message);
    if (this.other.#isClosed) return;
    this.other.#inbox.push(JSON.stringify(message));
    this.other.#wake?.();
  }

  async read(options: Deadline & { readonly maxBytes: number }): Promise<unknown> {
    if (this.#wake !== undefined) throw new Error('one read at a time');
    await Promise.resolve();
    if (!this.#isReadable()) {
      await within<void>(this.#timers, options, 'a read', (resolve) => {
        this.#wake = () => resolve();
        return () => {
          this.#wake = undefined;
        };
      });
    }
    const frame = this.#inbox.shift();
    if (frame === undefined) {
      if (this.#isReset) throw discoveryErrors.create('STREAM_RESET', 'the stream was reset');
      return undefined;
    }
    if (Buffer.byteLength(frame) > options.maxBytes) {
      throw discoveryErrors.create('FRAME_TOO_LARGE', `the frame is longer than ${options.maxBytes} bytes`);
    }
    return JSON.parse(frame) as unknown;
  }

  async closeWrite(): Promise<void> {
    await Promise.resolve();
    this.#isWriteClosed = true;
    this.other.#wake?.();
    this.#checkEnd();
    this.other.#checkEnd();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.closeWrite();
  }

  reset(): void {
    for (const end of [this, this.other]) {
      if (end.#hasEnded) continue;
      end.#isReset = true;
      end.#inbox.length = 0;
      end.#wake?.();
      end.#checkEnd();
    }
  }

  #isReadable(): boolean {
    return this.#inbox.length > 0 || this.#isReset || this.#isClosed || this.other.#isWriteClosed;
  }

  #checkEnd(): void {
    if (this.#hasEnded) return;
    const isOver = this.#isWriteClosed && (this.#isClosed || this.other.#isWriteClosed);
    if (!this.#isReset && !isOver) return;
    this.#hasEnded = true;
    this.#end();
  }
}

/** Both ends of a new stream: the opener's, and the one that is served. */
export function streamPair(
  protocol: string,
  served: RemotePeer,
  opener: RemotePeer,
  timers: DeadlineTimers,
): readonly [MemoryStream, MemoryStream] {
  const near = new MemoryStream(served, protocol, timers);
  const far = new MemoryStream(opener, protocol, timers);
  near.other = far;
  far.other = near;
  return [near, far];
}
