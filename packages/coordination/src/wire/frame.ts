/**
 * Frames of the coordination protocol (4.3): a minimal unsigned LEB128 length of at most nine bytes, then that many
 * bytes of one envelope.
 *
 * Fault model: the other side is a stranger. It may split a frame at any byte, glue anything behind it, announce what it
 * never sends, and send a length in any encoding. A length that is not allowed is refused as soon as its last byte is
 * here, without waiting for a payload; memory is taken for bytes that came, never for bytes that were announced.
 */

import type { MusterError } from '@muster/core';
import { coordinationErrors } from '../errors.ts';

/** Longest payload of a frame, in both directions (4.7). */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Longest prefix of a frame. */
const MAX_PREFIX_BYTES = 9;
const FIRST_BUFFER_BYTES = 4_096;

/** Why a message was refused, as `details.reason` of MESSAGE_MALFORMED and in metrics (4.6). */
export type FrameReason = 'read_failed' | 'bad_frame_prefix' | 'too_large';

/** A MESSAGE_MALFORMED with its reason. */
export function malformed(reason: string, message: string): MusterError<'MESSAGE_MALFORMED'> {
  return coordinationErrors.create('MESSAGE_MALFORMED', message, { details: { reason } });
}

/** The envelope as a frame, prefix and payload in one piece. Throws RangeError when it is longer than the protocol allows. */
export function encodeFrame(envelope: Uint8Array): Uint8Array {
  if (envelope.length > MAX_MESSAGE_BYTES) {
    throw new RangeError(`a message of ${envelope.length} bytes does not fit into a frame`);
  }
  const prefix: number[] = [];
  let rest = envelope.length;
  for (; rest > 0x7f; rest >>>= 7) prefix.push((rest & 0x7f) | 0x80);
  prefix.push(rest);
  const frame = new Uint8Array(prefix.length + envelope.length);
  frame.set(prefix);
  frame.set(envelope, prefix.length);
  return frame;
}

/** Reads the one frame of a stream from chunks of any size. Bytes behind the frame are ignored (4.2). */
export class FrameReader {
  #prefixBytes = 0;
  #length = 0;
  #hasPrefix = false;
  #buffer = new Uint8Array(0);
  #received = 0;

  /** True while not a single byte has come: the end of the stream now is an orderly "no answer". */
  get isEmpty(): boolean {
    return this.#prefixBytes === 0;
  }

  /** Takes received bytes. Returns the payload when it is complete. Throws MESSAGE_MALFORMED with a {@link FrameReason}. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    let position = 0;
    while (!this.#hasPrefix && position < chunk.length) {
      this.#takePrefixByte(chunk[position] as number);
      position += 1;
    }
    if (!this.#hasPrefix) return undefined;
    const payload = chunk.subarray(position, position + this.#length - this.#received);
    this.#reserve(payload.length);
    this.#buffer.set(payload, this.#received);
    this.#received += payload.length;
    return this.#received === this.#length ? this.#buffer.subarray(0, this.#length) : undefined;
  }

  #takePrefixByte(byte: number): void {
    this.#length += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes);
    this.#prefixBytes += 1;
    if (byte >= 0x80) {
      if (this.#prefixBytes < MAX_PREFIX_BYTES) return;
      throw malformed('bad_frame_prefix', `the length of the frame has more than ${MAX_PREFIX_BYTES} bytes`);
    }
    if (byte === 0 && this.#prefixBytes > 1) {
      throw malformed('bad_frame_prefix', 'the length of the frame is not in its shortest form');
    }
    if (this.#length > MAX_MESSAGE_BYTES) {
      throw malformed('too_large', `the frame is longer than ${MAX_MESSAGE_BYTES} bytes`);
    }
    this.#hasPrefix = true;
  }

  #reserve(bytes: number): void {
    const needed = this.#received + bytes;
    if (needed <= this.#buffer.length) return;
    const size = Math.min(this.#length, Math.max(needed, 2 * this.#buffer.length, FIRST_BUFFER_BYTES));
    const buffer = new Uint8Array(size);
    buffer.set(this.#buffer.subarray(0, this.#received));
    this.#buffer = buffer;
  }
}
