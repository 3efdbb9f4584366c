import { createHash } from 'node:crypto';
import { decodeBase58, encodeBase58 } from '@muster/core/identity';
import { DIGEST_PREFIX } from './digest.ts';
import type { Digest } from './types.ts';

/** Multicodec numbers: SHA2-256 and identity as hash functions, raw bytes and libp2p keys as content. */
const SHA2_256 = 0x12;
const IDENTITY = 0x00;
const RAW = 0x55;
const LIBP2P_KEY = 0x72;
const CID_VERSION = 0x01;

/** Longest key that a peer id holds as it is; longer ones are hashed (libp2p's peer id specification). */
const MAX_INLINE_KEY_BYTES = 42;
/** No peer id or CID text is longer; decoding is quadratic in the length. */
const MAX_PEER_ID_CHARACTERS = 128;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE36 = '0123456789abcdefghijklmnopqrstuvwxyz';

/** The 32 bytes that the digest names. */
export function digestBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(Buffer.from(digest.slice(DIGEST_PREFIX.length), 'hex'));
}

/** The digest of the 32 bytes of a SHA-256. */
export function digestOfHash(sha256: Uint8Array): Digest {
  return `${DIGEST_PREFIX}${Buffer.from(sha256).toString('hex')}`;
}

/** The digest of some content. */
export function digestOf(content: Uint8Array | string): Digest {
  return `${DIGEST_PREFIX}${createHash('sha256').update(content).digest('hex')}`;
}

/** Multihash of the digest: `12 20` and the 32 bytes (17.2). It is the key of the DHT's provider records. */
export function multihashOf(digest: Digest): Uint8Array {
  return Uint8Array.from([SHA2_256, 32, ...digestBytes(digest)]);
}

/** CID v1 of raw content with this digest, as bytes. */
export function cidBytesOf(digest: Digest): Uint8Array {
  return Uint8Array.from([CID_VERSION, RAW, ...multihashOf(digest)]);
}

/** CID v1 of raw content with this digest, as text: `b` and base32. */
export function cidTextOf(digest: Digest): string {
  return `b${encodeBase32(cidBytesOf(digest))}`;
}

/** Where the digest is in the DHT's space of XOR distances: SHA-256 of the multihash. */
export function kadKeyOf(digest: Digest): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(multihashOf(digest)).digest());
}

/**
 * The digest that a peer provides and looks for to test itself: SHA-256 of the peer id's multihash (17.6). Undefined
 * when the text is no peer id.
 */
export function selfTestDigest(peerId: string): Digest | undefined {
  const multihash = peerIdMultihash(peerId);
  return multihash === undefined ? undefined : digestOf(multihash);
}

/**
 * A peer id in its canonical form, base58btc, from that form or from a CID v1 of a libp2p key (6.1, step 3); undefined
 * for anything else.
 */
export function normalizePeerId(text: string): string | undefined {
  const multihash = peerIdMultihash(text);
  return multihash === undefined ? undefined : encodeBase58(multihash);
}

function peerIdMultihash(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length > MAX_PEER_ID_CHARACTERS) return undefined;
  if (text.startsWith('1') || text.startsWith('Qm')) return keyMultihash(decodeBase58(text));
  const cid = decodeMultibase(text);
  if (cid === undefined || cid[0] !== CID_VERSION || cid[1] !== LIBP2P_KEY) return undefined;
  return keyMultihash(cid.subarray(2));
}

/** The bytes, if they are a multihash that peer ids use. Codes and lengths of these fit into one byte of a varint. */
function keyMultihash(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  const [code, length] = bytes;
  if (length === undefined || length !== bytes.length - 2) return undefined;
  const isKey = code === SHA2_256 ? length === 32 : code === IDENTITY && length <= MAX_INLINE_KEY_BYTES;
  return isKey && length > 0 ? bytes : undefined;
}

function decodeMultibase(text: string): Uint8Array | undefined {
  const body = text.slice(1);
  switch (text[0]) {
    case 'b':
      return decodeBase32(body);
    case 'k':
      return decodeBase36(body);
    case 'z':
      return decodeBase58(body);
    default:
      return undefined;
  }
}

function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((value >>> (bits - 5)) & 31);
  }
  return bits === 0 ? text : text + BASE32.charAt((value << (5 - bits)) & 31);
}

function decodeBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text) {
    const digit = BASE32.indexOf(character);
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >>> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

function decodeBase36(text: string): Uint8Array | undefined {
  let value = 0n;
  for (const character of text) {
    const digit = BASE36.indexOf(character);
    if (digit < 0) return undefined;
    value = value * 36n + BigInt(digit);
  }
  const hex = value.toString(16);
  const leadingZeros = /^0*/.exec(text)?.[0].length ?? 0;
  const bytes = value === 0n ? [] : [...Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')];
  return Uint8Array.from([...Array.from({ length: leadingZeros }, () => 0), ...bytes]);
}
