/**
 * Base64 as the protocol's reference decoder reads it (spec section 1.2): standard alphabet, padding required,
 * CR and LF skipped, stray bits in the last character ignored. The runtime's own decoder takes far more.
 */
import { authErrors } from './errors.ts';

/** Which alphabets a decoder takes. `either` is for `rotate_key`, whose fields may use the URL alphabet. */
export type Base64Alphabet = 'standard' | 'either';

const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const LF = 0x0a;
const CR = 0x0d;
const PAD = 0x3d;

/**
 * The bytes of a base64 text.
 *
 * @throws `invalid_base64` with the text `illegal base64 data at input byte %d`, the offset counted in bytes of UTF-8.
 */
export function decodeBase64(text: string, alphabet: Base64Alphabet = 'standard'): Uint8Array {
  if (canonical.test(text)) return Buffer.from(text, 'base64');
  const bytes = Buffer.from(text, 'utf8');
  const fault = firstFault(bytes, alphabet);
  if (fault >= 0) {
    throw authErrors.create('invalid_base64', `illegal base64 data at input byte ${fault}`);
  }
  // Only line breaks and the URL alphabet separate this text from the canonical form; the runtime takes both.
  return Buffer.from(text.replaceAll(/[\r\n]/g, ''), 'base64');
}

function isDigit(byte: number, alphabet: Base64Alphabet): boolean {
  if ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)) return true;
  if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2f) return true;
  return alphabet === 'either' && (byte === 0x2d || byte === 0x5f);
}

/** Offset of the first byte that the reference decoder refuses, or -1. */
function firstFault(bytes: Uint8Array, alphabet: Base64Alphabet): number {
  let position = 0;
  /** Digits read of the current group of four. */
  let digits = 0;
  while (position < bytes.length) {
    const byte = bytes[position++] ?? 0;
    if (byte === LF || byte === CR) continue;
    if (isDigit(byte, alphabet)) {
      digits = (digits + 1) % 4;
      continue;
    }
    if (byte !== PAD || digits < 2) return position - 1;
    if (digits === 2) {
      position = skipLineBreaks(bytes, position);
      if (position === bytes.length) return position;
      if (bytes[position] !== PAD) return position - 1;
      position++;
    }
    position = skipLineBreaks(bytes, position);
    return position < bytes.length ? position : -1;
  }
  // The text ended inside a group: the decoder names the place where that group's digits began, counted back.
  return digits === 0 ? -1 : position - digits;
}

function skipLineBreaks(bytes: Uint8Array, from: number): number {
  let position = from;
  while (bytes[position] === LF || bytes[position] === CR) position++;
  return position;
}
