/**
 * Frames of the JSON protocols (discovery spec 7.2): UTF-8 JSON values, each followed by one newline.
 *
 * Fault model: the other side is a stranger. It may split frames at any byte and glue them, send white space without
 * end, bytes that are no UTF-8, text that is no JSON, values nested without bound, and frames longer than their
 * protocol allows. Whatever comes, a decoder gives values in order, asks for more, or fails for good (F:2); it holds no
 * more than the bytes that were pushed and not yet taken.
 */

import { discoveryErrors } from '../errors.ts';
import type { MusterError } from '@muster/core';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** No message is nested deeper than four levels; more than this would let recursive code overflow the stack. */
const MAX_DEPTH = 32;

/** A buffer that has grown beyond this is not kept once it is empty. */
const KEPT_BYTES = 16_384;

/** Cuts one stream into JSON values. One decoder serves a stream for its whole life: surplus bytes stay for the next frame (F:3). */
export class FrameDecoder {
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #buffer = new Uint8Array(0);
  /** The unread bytes are from #start to #end; up to #scanned there is no newline in them. */
  #start = 0;
  #end = 0;
  #scanned = 0;
  #hasEnded = false;
  #failure: MusterError | undefined;

  /** Bytes that were pushed and not yet taken. Who feeds the decoder stops reading from the network when these grow. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds received bytes, which are copied. Ignored after {@link end} or a failure. */
  push(chunk: Uint8Array): void {
    if (this.#hasEnded || this.#failure !== undefined || chunk.length === 0) return;
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Nothing more will come: a last value needs no newline (7.2.2). */
  end(): void {
    this.#hasEnded = true;
  }

  /**
   * The next value, or undefined when there is none yet or, after {@link end}, none any more. Lone newlines and white
   * space are no values (F:62). Throws FRAME_TOO_LARGE when the next frame has, or will have, more than `maxBytes`
   * bytes without its newline, and FRAME_MALFORMED; after either, every call throws it again.
   */
  next(maxBytes: number): { readonly value: unknown } | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      this.#skipSpace();
      const newline = this.#buffer.subarray(0, this.#end).indexOf(NEWLINE, this.#scanned);
      this.#scanned = newline < 0 ? this.#end : newline;
      const length = this.#scanned - this.#start;
      if (length > maxBytes) {
        throw this.#fail('FRAME_TOO_LARGE', `the frame is longer than ${maxBytes} bytes`, { maxBytes });
      }
      if (length === 0 || (newline < 0 && !this.#hasEnded)) return undefined;
      const frame = this.#buffer.subarray(this.#start, this.#scanned);
      const value = this.#parse(frame);
      this.#start = newline < 0 ? this.#end : newline + 1;
      this.#scanned = this.#start;
      this.#release();
      return { value };
    }
  }

  #parse(frame: Uint8Array): unknown {
    if (depthOf(frame) > MAX_DEPTH) {
      throw this.#fail('FRAME_MALFORMED', `the frame is nested deeper than ${MAX_DEPTH} levels`);
    }
    try {
      return JSON.parse(this.#text.decode(frame)) as unknown;
    } catch {
      // The cause quotes what a stranger sent; it must not get into logs.
      throw this.#fail('FRAME_MALFORMED', 'the frame is not JSON in UTF-8');
    }
  }

  #skipSpace(): void {
    while (this.#start < this.#end && isSpace(this.#buffer[this.#start])) this.#start += 1;
    if (this.#scanned < this.#start) this.#scanned = this.#start;
    this.#release();
  }

  #reserve(bytes: number): void {
    const held = this.bufferedBytes;
    if (this.#end + bytes <= this.#buffer.length) return;
    const isRoomy = held + bytes <= this.#buffer.length && this.#start >= held;
    const target = isRoomy ? this.#buffer : new Uint8Array(Math.max(held + bytes, 2 * held, 256));
    target.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = target;
    this.#scanned -= this.#start;
    this.#start = 0;
    this.#end = held;
  }

  #release(): void {
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(0);
  }

  #fail(
    code: 'FRAME_TOO_LARGE' | 'FRAME_MALFORMED',
    message: string,
    details: Record<string, unknown> = {},
  ): MusterError {
    this.#failure = discoveryErrors.create(code, message, { details });
    this.#buffer = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
    return this.#failure;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** How deep the arrays and objects of a JSON text are nested; of any other bytes, some number. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (isInText) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) isInText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return deepest;
}

/** One value as a frame, newline included. Throws nothing for plain objects of JSON values. */
export function encodeFrame(message: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}
