/**
 * Frames of the registry protocol (spec sections 2.2 to 2.5). Both framings begin with a length of 4 bytes, big
 * endian; in binary framing an opcode of one byte follows, which the length includes.
 *
 * The functions named `write..` are for the hot path: they write into a target at an offset, allocate nothing and
 * return the offset behind what they wrote. The caller guarantees the room.
 */

/** First bytes of a binary connection, followed by the version. */
export const MAGIC = Buffer.from('PILT', 'latin1');
/** Version of the binary framing. */
export const WIRE_VERSION = 1;
/** Bytes of magic and version. */
export const PREAMBLE_BYTES = 5;
/** What a binary client sends first. */
export const PREAMBLE = Buffer.from([...MAGIC, WIRE_VERSION]);

/** Largest length that a frame may announce: 64 MiB. */
export const MAX_FRAME_BYTES = 67_108_864;
/** Bytes of the length in front of each frame. */
export const LENGTH_BYTES = 4;
/** Bytes of length and opcode in front of each binary payload. */
export const BINARY_HEADER_BYTES = 5;

/** Opcodes of the binary framing. */
export const OPCODE = {
  jsonPassthrough: 0x00,
  heartbeat: 0x01,
  lookup: 0x02,
  resolve: 0x03,
  heartbeatOk: 0x81,
  lookupOk: 0x82,
  resolveOk: 0x83,
  error: 0xff,
} as const;

/** Payload bytes of a heartbeat request. */
export const HEARTBEAT_REQUEST_BYTES = 68;
/** Payload bytes of a lookup request. */
export const LOOKUP_REQUEST_BYTES = 4;
/** Payload bytes of a resolve request. */
export const RESOLVE_REQUEST_BYTES = 72;
/** Bytes of a whole heartbeat reply, header included. */
export const HEARTBEAT_OK_FRAME_BYTES = 14;
/** Flag of a heartbeat reply: the key expires within 24 hours. */
export const KEY_EXPIRY_WARNING_FLAG = 0x01;
/** Longest text of an error frame; longer ones are cut, even inside a character. */
export const MAX_ERROR_TEXT_BYTES = 65_000;

/** What the first bytes of a connection say. */
export const PREAMBLE_KIND = {
  /** More bytes are needed. */
  incomplete: 0,
  /** JSON framing; the bytes are the first length. */
  json: 1,
  /** Binary framing of our version; frames begin {@link PREAMBLE_BYTES} later. */
  binary: 2,
  /** Binary framing of another version, which is the byte behind the magic. */
  unsupportedVersion: 3,
} as const;

/** One of the values of {@link PREAMBLE_KIND}. */
export type PreambleKind = (typeof PREAMBLE_KIND)[keyof typeof PREAMBLE_KIND];

/** Tells JSON from binary framing by the first bytes of a connection (spec section 2.2). */
export function classifyPreamble(bytes: Uint8Array, start: number, end: number): PreambleKind {
  for (let index = 0; index < MAGIC.length; index++) {
    // Fewer than four bytes are never decided: the original reads four before it looks.
    if (start + index >= end) return PREAMBLE_KIND.incomplete;
    if (bytes[start + index] !== MAGIC[index]) {
      return end - start < LENGTH_BYTES ? PREAMBLE_KIND.incomplete : PREAMBLE_KIND.json;
    }
  }
  if (end - start < PREAMBLE_BYTES) return PREAMBLE_KIND.incomplete;
  const version = bytes[start + MAGIC.length];
  return version === WIRE_VERSION ? PREAMBLE_KIND.binary : PREAMBLE_KIND.unsupportedVersion;
}

/** Error text for a preamble of another version. */
export function unsupportedVersionText(version: number): string {
  return `unsupported wire version ${version}`;
}

/** Error text for an opcode that the server does not know. */
export function unknownOpcodeText(opcode: number): string {
  return `unknown message type 0x${opcode.toString(16).padStart(2, '0')}`;
}

/** Internal text for a JSON frame above the limit; the connection is closed without a reply. */
export function messageTooLargeText(bytes: number, maxBytes = MAX_FRAME_BYTES): string {
  return `message too large: ${bytes} bytes (max ${maxBytes})`;
}

/** Internal text for a binary frame above the limit. */
export function binaryFrameTooLargeText(bytes: number, maxBytes = MAX_FRAME_BYTES): string {
  return `binary frame too large: ${bytes} bytes (max ${maxBytes})`;
}

/** Internal text for a binary frame of length 0, which lacks its opcode. */
export const BINARY_FRAME_TOO_SHORT = 'binary frame too short';

/** Writes an unsigned number of 4 bytes, big endian. */
export function writeU32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

/** Writes an unsigned number of 2 bytes, big endian. */
export function writeU16(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 8;
  target[offset + 1] = value;
  return offset + 2;
}

/** Reads an unsigned number of 4 bytes, big endian; bytes past the end read as zero. */
export function readU32At(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] ?? 0) << 24) |
      ((bytes[offset + 1] ?? 0) << 16) |
      ((bytes[offset + 2] ?? 0) << 8) |
      (bytes[offset + 3] ?? 0)) >>>
    0
  );
}

/** Reads an unsigned number of 2 bytes, big endian; bytes past the end read as zero. */
export function readU16At(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** Writes length and opcode of a binary frame. */
export function writeBinaryHeader(
  target: Uint8Array,
  offset: number,
  opcode: number,
  payloadBytes: number,
): number {
  writeU32(target, offset, payloadBytes + 1);
  target[offset + LENGTH_BYTES] = opcode;
  return offset + BINARY_HEADER_BYTES;
}

/** Writes a heartbeat reply of {@link HEARTBEAT_OK_FRAME_BYTES} bytes. */
export function writeHeartbeatOk(
  target: Uint8Array,
  offset: number,
  unixSeconds: number,
  flags: number,
): number {
  writeBinaryHeader(target, offset, OPCODE.heartbeatOk, 9);
  writeU32(target, offset + 5, Math.floor(unixSeconds / 0x1_0000_0000));
  writeU32(target, offset + 9, unixSeconds % 0x1_0000_0000);
  target[offset + 13] = flags;
  return offset + HEARTBEAT_OK_FRAME_BYTES;
}

/** Bytes of the error frame for a text. */
export function errorFrameBytes(text: string): number {
  return BINARY_HEADER_BYTES + 2 + Math.min(Buffer.byteLength(text), MAX_ERROR_TEXT_BYTES);
}

/** Writes an error frame; the target needs {@link errorFrameBytes} of room. Only a text that must be cut allocates. */
export function writeErrorFrame(target: Buffer, offset: number, text: string): number {
  const textOffset = offset + BINARY_HEADER_BYTES + 2;
  const textBytes = writeCutText(target, textOffset, text, MAX_ERROR_TEXT_BYTES);
  writeBinaryHeader(target, offset, OPCODE.error, textBytes + 2);
  writeU16(target, offset + BINARY_HEADER_BYTES, textBytes);
  return textOffset + textBytes;
}

/** Writes at most `maxBytes` of the UTF-8 form, cut without regard for characters; returns the bytes written. */
function writeCutText(target: Buffer, offset: number, text: string, maxBytes: number): number {
  // A UTF-16 code unit takes at most three bytes.
  if (text.length * 3 <= maxBytes) return target.write(text, offset, 'utf8');
  const bytes = Buffer.from(text, 'utf8');
  return bytes.copy(target, offset, 0, Math.min(bytes.length, maxBytes));
}

/** An error frame of its own. */
export function errorFrame(text: string): Buffer {
  const frame = Buffer.allocUnsafe(errorFrameBytes(text));
  writeErrorFrame(frame, 0, text);
  return frame;
}

/** A JSON frame: length and body. */
export function jsonFrame(body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  frame.set(body, writeU32(frame, 0, body.length));
  return frame;
}

/** A binary frame: length, opcode and payload. */
export function binaryFrame(opcode: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(BINARY_HEADER_BYTES + payload.length);
  frame.set(payload, writeBinaryHeader(frame, 0, opcode, payload.length));
  return frame;
}
