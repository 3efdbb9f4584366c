/**
 * The names that follow from a public key. One Ed25519 key per peer is its identity everywhere: what the registry
 * stores as `public_key`, what the overlay calls a peer id and what a document calls a DID are three spellings of
 * the same 32 bytes, and each can be turned back into them. Only the fingerprint is one way.
 *
 * | name | made of |
 * |---|---|
 * | `did` | `did:key:z` + base58btc(`ed 01` ‖ key): the multicodec prefix of Ed25519 as a varint |
 * | `peerId` | base58btc(`00 24` ‖ `08 01 12 20` ‖ key): identity multihash of the libp2p public key message; always starts with `12D3KooW` |
 * | `fingerprint` | lower-case hex SHA-256 of the key, 64 characters |
 * | `shortFingerprint` | the first 16 characters of it: for people to compare, never for a program to decide by |
 *
 * Two more names hang on it elsewhere. The registry gives each key a node id, and the same one when the key comes back. The overlay
 * calls its participants by a UUID, version 5 of the peer id (`derivedDid` of `@muster/discovery/records`), which cannot be turned
 * back; in fleets of the original it may also be a random one that a node keeps.
 */
import { createHash } from 'node:crypto';
import { decodeBase58, encodeBase58 } from './base58.ts';
import { identityErrors } from './errors.ts';

/** Size in bytes of a raw Ed25519 public key, and of a seed. */
export const KEY_BYTES = 32;

const DID_PREFIX = 'did:key:z';
const DID_MULTICODEC = Uint8Array.of(0xed, 0x01);
const PEER_ID_HEADER = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** `did:key:z6Mk…` of a raw public key. Throws KEY_INVALID. */
export function didOf(publicKey: Uint8Array): string {
  return DID_PREFIX + encodeBase58(prefixed(DID_MULTICODEC, publicKey));
}

/** `12D3KooW…` of a raw public key. Throws KEY_INVALID. */
export function peerIdOf(publicKey: Uint8Array): string {
  return encodeBase58(prefixed(PEER_ID_HEADER, publicKey));
}

/** SHA-256 of a raw public key, lower-case hex. Throws KEY_INVALID. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return createHash('sha256')
    .update(prefixed(new Uint8Array(0), publicKey))
    .digest('hex');
}

/** The first 16 characters of {@link fingerprintOf}. Throws KEY_INVALID. */
export function shortFingerprintOf(publicKey: Uint8Array): string {
  return fingerprintOf(publicKey).slice(0, 16);
}

/** The raw public key that a `did:key` names. Throws NAME_INVALID. */
export function publicKeyOfDid(did: string): Uint8Array {
  return unprefixed(
    DID_MULTICODEC,
    did.startsWith(DID_PREFIX) ? did.slice(DID_PREFIX.length) : '',
    'did:key',
    did,
  );
}

/** The raw public key that a libp2p peer id of an Ed25519 key names. Throws NAME_INVALID. */
export function publicKeyOfPeerId(peerId: string): Uint8Array {
  return unprefixed(PEER_ID_HEADER, peerId, 'peer id', peerId);
}

function prefixed(prefix: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== KEY_BYTES) {
    throw identityErrors.create(
      'KEY_INVALID',
      `a public key has ${KEY_BYTES} bytes, not ${publicKey.length}`,
    );
  }
  const bytes = new Uint8Array(prefix.length + KEY_BYTES);
  bytes.set(prefix);
  bytes.set(publicKey, prefix.length);
  return bytes;
}

function unprefixed(prefix: Uint8Array, base58: string, kind: string, text: string): Uint8Array {
  // Decoding is quadratic, and no valid name is longer than this.
  const bytes = base58.length > 64 ? undefined : decodeBase58(base58);
  const valid =
    bytes !== undefined &&
    bytes.length === prefix.length + KEY_BYTES &&
    prefix.every((byte, index) => bytes[index] === byte);
  if (!valid) {
    throw identityErrors.create('NAME_INVALID', `not a ${kind} of an Ed25519 key`, {
      details: { text: text.slice(0, 80) },
    });
  }
  return bytes.slice(prefix.length);
}
