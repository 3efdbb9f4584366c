/**
 * What every stream over libp2p needs, whatever is read and written on it: one reader at a time, writers that take turns
 * and wait while the other side does not read, deadlines, half-close and reset.
 *
 * Fault model: the other side is a stranger. It may send without end, read nothing, stay silent, close one half, or
 * reset at any byte. At most {@link READ_AHEAD} bytes and one stream window are held of what nobody has read yet, or as
 * much as one read asks for; every wait ends with its deadline.
 */

import type { Connection, Stream } from '@libp2p/interface';
import type { Timers } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import type { Deadline, RemotePeer } from '../overlay.ts';
import { raceAbort, startDeadline } from './deadline.ts';
import { attachInput, pauseInput, resumeInput } from './stream-input.ts';

/** While more than this is taken by nobody, nothing is read from the network. */
const READ_AHEAD = 65_536;
/** How long an orderly end may take before the stream is reset. */
const CLOSE_MS = 5_000;

/** The peer at the other end of a connection. */
export function remoteOf(connection: Connection): RemotePeer {
  const [address = ''] = connection.remoteAddr.toString().split('/p2p/');
  return { peer: connection.remotePeer.toString(), address, direction: connection.direction };
}

/** Holds what came in until it is read. */
export interface InputBuffer {
  push(chunk: Uint8Array): void;
  end(): void;
  readonly bufferedBytes: number;
}

export class StreamCore {
  readonly remote: RemotePeer;
  readonly protocol: string;
  /** Resolves when the stream has ended, either way. Never rejects. */
  readonly ended: Promise<void>;
  readonly #stream: Stream;
  readonly #timers: Timers;
  readonly #buffer: InputBuffer;
  readonly #onEnd: () => void;
  #writing: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #reader: (() => void) | undefined;
  #isReading = false;
  #hasAnswered = false;
  #isInputOver = false;
  #isReset = false;
  #isClosed = false;

  constructor(stream: Stream, remote: RemotePeer, timers: Timers, buffer: InputBuffer) {
    this.#stream = stream;
    this.#timers = timers;
    this.#buffer = buffer;
    this.remote = remote;
    this.protocol = stream.protocol;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#onEnd = resolve;
    attachInput(stream, {
      onChunk: (chunk) => this.#onChunk(chunk),
      onEnd: () => this.#endInput(),
      onClose: (reset) => this.#onClose(reset !== undefined),
    });
  }

  /** Whether {@link close} or {@link closeWrite} was called, so that the end is under way. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  async write(bytes: Uint8Array, deadline: Deadline): Promise<void> {
    const running = startDeadline(this.#timers, deadline, `writing on ${this.protocol}`);
    const previous = this.#writing;
    const turn = (async (): Promise<void> => {
      await previous;
      await this.#send(bytes, running.signal);
    })();
    this.#writing = turn.catch(() => undefined);
    try {
      await raceAbort(turn, running.signal);
    } finally {
      running.clear();
    }
  }

  /** What `take` finds in the buffer, as soon as it finds something; undefined at the orderly end. */
  async read<T>(deadline: Deadline, take: () => T | undefined): Promise<T | undefined> {
    if (this.#isReading) throw discoveryErrors.create('STREAM_CLOSED', 'another read is under way');
    this.#isReading = true;
    const running = startDeadline(this.#timers, deadline, `reading on ${this.protocol}`);
    try {
      for (;;) {
        const taken = this.#isClosed ? undefined : take();
        if (taken !== undefined) return taken;
        if (this.#isClosed) throw discoveryErrors.create('STREAM_CLOSED', 'the stream is closed');
        if (this.#isReset) throw this.#resetError();
        if (this.#isInputOver) return undefined;
        const news = new Promise<void>((resolve) => {
          this.#reader = resolve;
        });
        resumeInput(this.#stream);
        await raceAbort(news, running.signal);
      }
    } finally {
      this.#reader = undefined;
      this.#isReading = false;
      running.clear();
      this.#brake();
    }
  }

  closeWrite(): Promise<void> {
    this.#closing ??= this.#closeWrite();
    return this.#closing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    resumeInput(this.#stream);
    await this.closeWrite();
    this.linger();
  }

  /** Gives the other side some time to end its half, then resets. */
  linger(): void {
    const timer = this.#timers.after(CLOSE_MS, () => this.reset());
    void this.ended.then(() => timer.cancel());
  }

  reset(): void {
    this.#stream.abort(discoveryErrors.create('STREAM_RESET', 'reset by this side'));
  }

  /** Waits until the network takes more, then hands it the bytes. */
  async #send(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const stream = this.#stream;
    while (stream.writableNeedsDrain && stream.writeStatus === 'writable') {
      await raceAbort(this.#drained(), signal);
    }
    signal.throwIfAborted();
    if (this.#isReset) throw this.#resetError();
    if (this.#closing !== undefined || stream.writeStatus !== 'writable') {
      throw discoveryErrors.create('STREAM_CLOSED', 'the writing half is closed');
    }
    stream.send(bytes);
  }

  /** Never `onDrain()`: it resolves at once after the first time. */
  #drained(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      const done = (): void => {
        stream.removeEventListener('drain', done);
        stream.removeEventListener('close', done);
        resolve();
      };
      stream.addEventListener('drain', done);
      stream.addEventListener('close', done);
    });
  }

  async #closeWrite(): Promise<void> {
    const running = startDeadline(this.#timers, { timeoutMs: CLOSE_MS }, `closing ${this.protocol}`);
    try {
      await raceAbort(this.#writing, running.signal);
      await raceAbort(this.#stream.close({ signal: running.signal }), running.signal);
    } catch {
      this.reset();
    } finally {
      running.clear();
    }
  }

  #onChunk(chunk: Uint8Array): void {
    this.#hasAnswered = true;
    if (this.#isClosed) return;
    this.#buffer.push(chunk);
    this.#wake();
    this.#brake();
  }

  #endInput(): void {
    this.#isInputOver = true;
    this.#buffer.end();
    this.#wake();
  }

  #onClose(isReset: boolean): void {
    this.#isReset = isReset;
    this.#wake();
    this.#onEnd();
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  #brake(): void {
    if (this.#reader === undefined && !this.#isClosed && this.#buffer.bufferedBytes >= READ_AHEAD) {
      pauseInput(this.#stream);
    }
  }

  /** Streams above a peer's limit are opened and then reset, so that a reset before any byte is a refusal. */
  #resetError(): Error {
    const details = { peer: this.remote.peer, protocol: this.protocol, isRefusal: !this.#hasAnswered };
    const message = this.#hasAnswered ? 'the stream was reset' : 'the peer refused the stream';
    return discoveryErrors.create('STREAM_RESET', message, { details });
  }
}
