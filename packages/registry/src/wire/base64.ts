/**
 * Base64 as the protocol's reference decoder reads it (spec section 1.2): alphabet `+/`, padding required, CR and LF
 * skipped wherever they stand, unused bits of the last character ignored.
 */
import type { Parsed } from './go-text.ts';

/** Bytes of an Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32;
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

const STANDARD_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const STANDARD = decodingTable(STANDARD_ALPHABET);
const INVALID = 0xff;
const PADDING = 0x3d;

function decodingTable(alphabet: string): Uint8Array {
  const table = new Uint8Array(128).fill(0xff);
  for (let value = 0; value < alphabet.length; value++) table[alphabet.charCodeAt(value)] = value;
  return table;
}

/**
 * Decodes standard base64. The error is `illegal base64 data at input byte N`, where N counts bytes of the text.
 * The bytes have a buffer of their own.
 */
export function decodeStandardBase64(text: string): Parsed<Uint8Array> {
  const bytes = decodePlainBase64(text);
  return bytes === undefined ? decodeUnusualBase64(text) : { ok: true, value: bytes };
}

/** Text without line breaks, which is what clients send; undefined for anything unusual, right or wrong. */
function decodePlainBase64(text: string): Uint8Array | undefined {
  const { length } = text;
  if (length === 0 || length % 4 !== 0) return undefined;
  const padding =
    text.charCodeAt(length - 1) !== PADDING ? 0 : text.charCodeAt(length - 2) !== PADDING ? 1 : 2;
  // The exact size keeps keys and signatures, of 32 and 64 bytes, where the engine allocates cheaply.
  const bytes = new Uint8Array((length / 4) * 3 - padding);
  const characters = length - padding;
  let group = 0;
  let written = 0;
  for (let position = 0; position < characters; position++) {
    const code = text.charCodeAt(position);
    const value = code < 128 ? (STANDARD[code] ?? INVALID) : INVALID;
    if (value === INVALID) return undefined;
    group = (group << 6) | value;
    if ((position & 3) !== 3) continue;
    bytes[written] = group >>> 16;
    bytes[written + 1] = group >>> 8;
    bytes[written + 2] = group;
    written += 3;
    group = 0;
  }
  if (padding === 1) {
    bytes[written] = group >>> 10;
    bytes[written + 1] = group >>> 2;
  } else if (padding === 2) {
    bytes[written] = group >>> 4;
  }
  return bytes;
}

/** Any text, character by character, with the exact position of the first error. */
function decodeUnusualBase64(text: string): Parsed<Uint8Array> {
  const bytes = new Uint8Array(Math.floor(text.length / 4) * 3);
  let length = 0;
  let position = 0;
  for (;;) {
    // One turn reads one group of four characters.
    let group = 0;
    let count = 0;
    while (count < 4) {
      if (position === text.length) {
        if (count === 0) return { ok: true, value: bytes.subarray(0, length) };
        return illegal(position - count);
      }
      const code = text.charCodeAt(position++);
      const value = code < 128 ? (STANDARD[code] ?? INVALID) : INVALID;
      if (value !== INVALID) {
        group = (group << 6) | value;
        count++;
      } else if (code === PADDING) {
        const rest = readPadding(text, position, count);
        if (rest !== undefined) return rest;
        if (count === 3) bytes[length++] = group >>> 10;
        bytes[length++] = count === 3 ? group >>> 2 : group >>> 4;
        return { ok: true, value: bytes.subarray(0, length) };
      } else if (!isNewline(code)) {
        return illegal(position - 1);
      }
    }
    bytes[length] = group >>> 16;
    bytes[length + 1] = group >>> 8;
    bytes[length + 2] = group;
    length += 3;
  }
}

/** Checks what follows a first `=` that stands after `count` characters of its group; undefined when it is right. */
function readPadding(text: string, start: number, count: number): Parsed<never> | undefined {
  if (count < 2) return illegal(start - 1);
  let position = start;
  if (count === 2) {
    position = skipNewlines(text, position);
    if (position === text.length) return illegal(position);
    if (text.charCodeAt(position) !== PADDING) return illegal(position - 1);
    position++;
  }
  position = skipNewlines(text, position);
  return position < text.length ? illegal(position) : undefined;
}

function skipNewlines(text: string, start: number): number {
  let position = start;
  while (position < text.length && isNewline(text.charCodeAt(position))) position++;
  return position;
}

function isNewline(code: number): boolean {
  return code === 0x0a || code === 0x0d;
}

function illegal(position: number): Parsed<never> {
  return { ok: false, error: `illegal base64 data at input byte ${position}` };
}

/**
 * Decodes base64 in either alphabet, as `rotate_key` accepts it (spec section 1.2). In the URL alphabet the padding
 * may be missing. The error is that of the standard alphabet.
 */
export function decodeEitherBase64(text: string): Parsed<Uint8Array> {
  const standard = decodeStandardBase64(text);
  if (standard.ok || /[^A-Za-z0-9_=\r\n-]/.test(text)) return standard;
  const translated = text
    .replace(/[\r\n]/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  const padding = /=/.test(translated) ? '' : '='.repeat((4 - (translated.length % 4)) % 4);
  const other = decodeStandardBase64(translated + padding);
  return other.ok ? other : standard;
}

/** A decoded public key, or the text of the error. */
export type DecodedPublicKey =
  | { readonly ok: true; readonly key: Uint8Array }
  | { readonly ok: false; readonly error: string };

/**
 * Decodes a public key of 32 bytes; errors `decode public key: ..` and `invalid public key size: %d`. Whether the
 * point is a safe one is not looked at here.
 */
export function decodePublicKey(
  text: string,
  decode: (text: string) => Parsed<Uint8Array> = decodeStandardBase64,
): DecodedPublicKey {
  const decoded = decode(text);
  if (!decoded.ok) return { ok: false, error: `decode public key: ${decoded.error}` };
  if (decoded.value.length !== PUBLIC_KEY_BYTES) {
    return { ok: false, error: `invalid public key size: ${decoded.value.length}` };
  }
  return { ok: true, key: decoded.value };
}

/** A decoded signature, or the text of the error. */
export type DecodedSignature =
  | { readonly ok: true; readonly signature: Uint8Array }
  | { readonly ok: false; readonly error: string };

/**
 * Decodes a signature. A length other than 64 bytes is not an error here: such a signature does not verify
 * (`signature verification failed`), and the caller must not hand it to a verifier that insists on 64.
 */
export function decodeSignature(text: string): DecodedSignature {
  const decoded = decodeStandardBase64(text);
  return decoded.ok ? { ok: true, signature: decoded.value } : decoded;
}

/** Standard base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
