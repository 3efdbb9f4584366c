/**
 * Bodies of answers over HTTP/1.1 and HTTP/2.
 *
 * Fault model: the client reads slowly, or never, or goes away; the source fails in the middle. At most one chunk is held for a
 * client; one that takes nothing for a minute is cut off; a body that could not be sent to its end is never ended cleanly.
 */

import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import type { TimerHandle, Timers } from '@muster/core';
import type { LendingBody } from '../store/object-reader.ts';

export type Response = ServerResponse | Http2ServerResponse;

/** A client that takes nothing for so long is cut off (coordination spec 24). */
export const WRITE_STALL_MS = 60_000;

/** Cuts the answer off so that the client notices: it must not take what it has for the whole. */
export function cutOff(response: Response): void {
  if ('stream' in response) {
    const { stream } = response;
    if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } else response.destroy();
}

/** Status and headers. HTTP/1.1 and HTTP/2 are alike here, but their types have no common call. */
export function writeHead(
  response: Response,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  if ('stream' in response) response.writeHead(status, headers);
  else response.writeHead(status, headers);
}

/** Ends an answer with a short text, or with none. */
export function endWith(response: Response, text?: string): void {
  if ('stream' in response) response.end(text ?? '');
  else response.end(text ?? '');
}

/** True when nothing more can be sent. */
export function isGone(response: Response): boolean {
  return 'stream' in response ? response.stream.destroyed || response.stream.closed : response.destroyed;
}

export interface BodyOutcome {
  /** False when the client went away, stalled, or the source failed. */
  readonly isComplete: boolean;
  readonly bytes: number;
  /** Why the source failed, if it did. */
  readonly error?: unknown;
}

/**
 * Sends the chunks and ends the answer; cuts it off when there are not exactly `length` bytes, where that is given. Never
 * rejects. `onBytes` hears of the bytes handed to the socket.
 */
export async function writeBody(
  response: Response,
  body: AsyncIterable<Uint8Array>,
  options: {
    readonly timers: Pick<Timers, 'after'>;
    readonly length?: number | undefined;
    readonly stallMs?: number;
    readonly onBytes?: (bytes: number) => void;
  },
): Promise<BodyOutcome> {
  const writer = new BodyWriter(response, options.timers, options.stallMs ?? WRITE_STALL_MS);
  let bytes = 0;
  try {
    // The socket has a chunk before the next one is asked for, so it may be lent.
    const chunks = isLending(body) ? body.borrow() : body;
    const isTaken = await writer.whileOpen(chunks, async (chunk) => {
      if (options.length !== undefined && bytes + chunk.length > options.length) {
        throw new Error('there are more bytes than were announced');
      }
      if (!(await writer.write(chunk))) return false;
      bytes += chunk.length;
      options.onBytes?.(chunk.length);
      return true;
    });
    if (isTaken && options.length !== undefined && bytes !== options.length) {
      throw new Error('there are fewer bytes than were announced');
    }
    if (isTaken && (await writer.end())) return { isComplete: true, bytes };
    cutOff(response);
    return { isComplete: false, bytes };
  } catch (error) {
    cutOff(response);
    return { isComplete: false, bytes, error };
  } finally {
    writer.dispose();
  }
}

function isLending(body: AsyncIterable<Uint8Array>): body is LendingBody {
  return 'borrow' in body;
}

class BodyWriter {
  readonly #response: Response;
  readonly #timers: Pick<Timers, 'after'>;
  readonly #stallMs: number;
  #isClosed = false;
  #isFinished = false;
  #isFlushed = true;
  #wake: (() => void) | undefined;
  #leave: (() => void) | undefined;

  readonly #onFinish = (): void => {
    this.#isFinished = true;
    this.#wake?.();
  };
  readonly #onClose = (): void => {
    this.#isClosed = true;
    this.#wake?.();
    this.#leave?.();
  };

  constructor(response: Response, timers: Pick<Timers, 'after'>, stallMs: number) {
    this.#response = response;
    this.#timers = timers;
    this.#stallMs = stallMs;
    this.#isClosed = isGone(response);
    response.on('finish', this.#onFinish);
    response.on('close', this.#onClose);
    response.on('error', this.#onClose);
  }

  dispose(): void {
    this.#response.off('finish', this.#onFinish);
    this.#response.off('close', this.#onClose);
    // The listener for errors stays: late ones must not become uncaught.
  }

  /**
   * Takes chunk after chunk until the end of the body, until `use` says false, or until the client is gone, also while
   * waiting for the next chunk. False when not all was taken.
   */
  async whileOpen(
    body: AsyncIterable<Uint8Array>,
    use: (chunk: Uint8Array) => Promise<boolean>,
  ): Promise<boolean> {
    const chunks = body[Symbol.asyncIterator]();
    // A source that waits for its own source can only be told to stop; it will not come back by itself.
    this.#leave = () => void Promise.resolve(chunks.return?.()).catch(() => {});
    if (this.#isClosed) {
      this.#leave();
      return false;
    }
    for (;;) {
      const next = await chunks.next();
      if (this.#isClosed) return false;
      if (next.done === true) return true;
      let isWanted = false;
      try {
        isWanted = await use(next.value);
      } finally {
        if (!isWanted) this.#leave();
      }
      if (!isWanted) return false;
    }
  }

  /** Resolves when the socket has taken the chunk; false when it never will. */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.#isClosed) return false;
    this.#isFlushed = false;
    (this.#response as ServerResponse).write(chunk, () => {
      this.#isFlushed = true;
      this.#wake?.();
    });
    // Not when it has room for more, but when the kernel has these bytes: then their memory may be used again.
    while (!this.#isFlushed) if (!(await this.#wait())) return false;
    return true;
  }

  async end(): Promise<boolean> {
    if (this.#isClosed) return false;
    this.#response.end();
    while (!this.#isFinished) if (!(await this.#wait())) return this.#isFinished;
    return true;
  }

  async #wait(): Promise<boolean> {
    if (this.#isClosed) return false;
    let timer: TimerHandle | undefined;
    const isWoken = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      timer = this.#timers.after(this.#stallMs, () => resolve(false));
    });
    timer?.cancel();
    this.#wake = undefined;
    return isWoken && !this.#isClosed;
  }
}
