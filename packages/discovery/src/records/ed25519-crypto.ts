/**
 * Signatures of records with the real keys.
 *
 * Fault model: keys and signatures come from strangers. Only one spelling of each is taken, since the same signature in
 * another spelling would look like another record; only successes are remembered, in a bounded table, so that nobody can
 * grow it or make us remember a failure that was not one.
 */

import { createHash, type KeyObject } from 'node:crypto';
import { type Identity, KEY_BYTES, peerIdOf, verificationKey, verifySignature } from '@muster/core/identity';
import type { PeerId } from '../wire/messages.ts';
import type { RecordCrypto } from './record-crypto.ts';

/** The protobuf message of libp2p up to the 32 bytes of the key: type Ed25519, length 32. */
const KEY_PREFIX = Uint8Array.of(0x08, 0x01, 0x12, 0x20);
/** Base64 of 36 bytes and of 64. */
const KEY_CHARS = 48;
const SIGNATURE_CHARS = 88;

const DEFAULT_CACHED_VERIFICATIONS = 8_192;
const CACHED_KEYS = 1_024;

/** Base64 of a raw Ed25519 public key in the encoding of libp2p (9.1 `pub_key`). */
export function encodePublicKey(raw: Uint8Array): string {
  return Buffer.concat([KEY_PREFIX, raw]).toString('base64');
}

/** {@link RecordCrypto} with Ed25519. `cachedVerifications` bounds how many successes are remembered. */
export function ed25519Crypto(
  identity: Identity,
  options: { readonly cachedVerifications?: number } = {},
): RecordCrypto {
  const verified = new RecentMap<true>(options.cachedVerifications ?? DEFAULT_CACHED_VERIFICATIONS);
  const keys = new RecentMap<{ readonly key: KeyObject; readonly peer: PeerId }>(CACHED_KEYS);
  const keyOf = (publicKey: string) => {
    let known = keys.get(publicKey);
    if (known === undefined) {
      const raw = rawKeyOf(publicKey);
      if (raw === undefined) return undefined;
      known = { key: verificationKey(raw), peer: peerIdOf(raw) };
      keys.set(publicKey, known);
    }
    return known;
  };
  return {
    self: identity.peerId,
    publicKey: encodePublicKey(identity.publicKey),
    sign: (message) => identity.sign(message),
    verify: (publicKey, message, signature) => {
      const bytes = canonicalBase64(signature, SIGNATURE_CHARS);
      const known = bytes === undefined ? undefined : keyOf(publicKey);
      if (bytes === undefined || known === undefined) return false;
      // Signature and key have a fixed length: no two triples give the same text.
      const digest = createHash('sha256').update(`${signature}${publicKey}${message}`).digest('base64');
      if (verified.get(digest) === true) return true;
      const isValid = verifySignature(known.key, message, bytes);
      if (isValid) verified.set(digest, true);
      return isValid;
    },
    peerIdOf: (publicKey) => keyOf(publicKey)?.peer,
  };
}

function rawKeyOf(publicKey: string): Uint8Array | undefined {
  const bytes = canonicalBase64(publicKey, KEY_CHARS);
  if (bytes?.length !== KEY_PREFIX.length + KEY_BYTES) return undefined;
  return KEY_PREFIX.every((byte, index) => bytes[index] === byte)
    ? bytes.subarray(KEY_PREFIX.length)
    : undefined;
}

/** Standard base64 with padding of exactly this length, in its one canonical spelling. */
function canonicalBase64(text: string, chars: number): Buffer | undefined {
  if (text.length !== chars) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** A map that forgets what was not used for longest. */
class RecentMap<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
