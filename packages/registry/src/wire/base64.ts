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
