/** Framing of the registry protocol, both encodings (registry spec sections 2.2 to 2.4), as a client needs it. */
import { canonicalJson } from '@muster/core/identity';
import { clientErrors } from '../errors.ts';

/** How frames are laid out on a connection. */
export type Encoding = 'binary' | 'json';

/** What a client sends first on a binary connection: magic and version. */
export const BINARY_PREAMBLE: Uint8Array = Uint8Array.of(0x50, 0x49, 0x4c, 0x54, 0x01);

/** Largest frame of the protocol, in bytes after the length. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Opcodes of binary frames. */
export const OPCODE = {
  json: 0x00,
  heartbeat: 0x01,
  lookup: 0x02,
  resolve: 0x03,
  heartbeatOk: 0x81,
  lookupOk: 0x82,
  resolveOk: 0x83,
  error: 0xff,
} as const;

/** One frame of a server. On a JSON connection every frame has the opcode of JSON. */
export interface Frame {
  readonly opcode: number;
  /** Valid only until the callback that received it returns. */
  readonly payload: Buffer;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** A message as the original client writes it: members in order, no white space, five characters escaped. */
export function encodeMessage(message: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(
    canonicalJson(message).replace(/[<>&\u2028\u2029]/g, (character) => ESCAPES[character] ?? ''),
  );
}

/** A message framed for a connection of this encoding. Throws REQUEST_TOO_LARGE. */
export function messageFrame(encoding: Encoding, message: Readonly<Record<string, unknown>>): Buffer {
  const body = encodeMessage(message);
  if (encoding === 'binary') return binaryFrame(OPCODE.json, body);
  requireFits(body.length);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}

/** A binary frame. Throws REQUEST_TOO_LARGE. */
export function binaryFrame(opcode: number, payload: Uint8Array): Buffer {
  requireFits(1 + payload.length);
  const frame = Buffer.allocUnsafe(5 + payload.length);
  frame.writeUInt32BE(1 + payload.length, 0);
  frame[4] = opcode;
  frame.set(payload, 5);
  return frame;
}

function requireFits(bytes: number): void {
  if (bytes > MAX_FRAME_BYTES) {
    throw clientErrors.create('REQUEST_TOO_LARGE', `a request of ${bytes} bytes does not fit into a frame`);
  }
}

/**
 * Cuts a byte stream into frames, however it arrives. Holds what has come of one frame, never what was merely
 * announced; work is linear in the bytes, also when they come one by one.
 */
export class FrameReader {
  readonly #encoding: Encoding;
  readonly #maxBytes: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes that must be there before another look is worth it. */
  #wantedBytes = 4;

  constructor(encoding: Encoding, maxBytes: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  /** Whether a frame has begun and not ended. */
  get midFrame(): boolean {
    return this.#heldBytes > 0;
  }

  /** Takes bytes and hands over the frames that they complete. Throws PROTOCOL and REPLY_TOO_LARGE, then is of no use. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    if (this.#heldBytes > 0) {
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
      if (this.#heldBytes < this.#wantedBytes) return;
      chunk = Buffer.concat(this.#held, this.#heldBytes);
      this.#held = [];
      this.#heldBytes = 0;
    }
    let at = 0;
    for (;;) {
      const left = chunk.length - at;
      this.#wantedBytes = 4;
      if (left < 4) break;
      const length = this.#checked(chunk.readUInt32BE(at));
      this.#wantedBytes = 4 + length;
      if (left < this.#wantedBytes) break;
      const body = chunk.subarray(at + 4, at + 4 + length);
      at += this.#wantedBytes;
      onFrame(
        this.#encoding === 'json'
          ? { opcode: OPCODE.json, payload: body }
          : { opcode: body[0] ?? 0, payload: body.subarray(1) },
      );
    }
    if (at < chunk.length) {
      this.#held.push(chunk.subarray(at));
      this.#heldBytes = chunk.length - at;
    }
  }

  #checked(length: number): number {
    if (length === 0) throw clientErrors.create('PROTOCOL', 'the server sent an empty frame');
    if (length > MAX_FRAME_BYTES) {
      throw clientErrors.create('PROTOCOL', `the server announced a frame of ${length} bytes`);
    }
    if (length > this.#maxBytes) {
      throw clientErrors.create(
        'REPLY_TOO_LARGE',
        `a reply of ${length} bytes is larger than ${this.#maxBytes}`,
        {
          details: { replyBytes: length, maxReplyBytes: this.#maxBytes },
        },
      );
    }
    return length;
  }
}
