/**
 * Ed25519 public keys: text form, refusal of weak ones, and a bounded cache of imported keys (spec section 1.2, B-01).
 */
import type { KeyObject } from 'node:crypto';
import { decodePublicKey, decodeStandardBase64, PUBLIC_KEY_BYTES } from '../wire/index.ts';
import type { DecodedPublicKey, Parsed } from '../wire/index.ts';
import { importPublicKey } from './import-key.ts';

/**
 * The y coordinates of the eight points of small order, in every 255-bit encoding, non-canonical ones included.
 * With such a key one forged signature fits every message. The sign bit is not part of the comparison.
 */
const smallOrderEncodings: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000', // 0, order 4
  '0100000000000000000000000000000000000000000000000000000000000000', // 1, the identity
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', // order 8
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p - 1, order 2
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p, read as 0
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p + 1, read as 1
].map((hex) => Buffer.from(hex, 'hex'));

/** Whether a raw 32-byte key is all zero or encodes a point of small order, canonically or not (B-01). */
export function isWeakPublicKey(raw: Uint8Array): boolean {
  for (const encoding of smallOrderEncodings) {
    if (raw[0] === encoding[0] && sameButSign(raw, encoding)) return true;
  }
  return false;
}

function sameButSign(raw: Uint8Array, encoding: Uint8Array): boolean {
  for (let i = 0; i < PUBLIC_KEY_BYTES - 1; i++) if (raw[i] !== encoding[i]) return false;
  return ((raw[PUBLIC_KEY_BYTES - 1] ?? 0) & 0x7f) === encoding[PUBLIC_KEY_BYTES - 1];
}

/** Text for a key that {@link isWeakPublicKey}. The specification has none, because the original takes such keys. */
export const WEAK_PUBLIC_KEY_TEXT = 'invalid public key: small-order point';

/**
 * Decodes a key that a node may register, rotate to or recover to: as `decodePublicKey`, and weak keys are refused
 * with {@link WEAK_PUBLIC_KEY_TEXT} (B-01). `rotate_key` passes `decodeEitherBase64`.
 */
export function decodeAcceptablePublicKey(
  text: string,
  decode: (text: string) => Parsed<Uint8Array> = decodeStandardBase64,
): DecodedPublicKey {
  const decoded = decodePublicKey(text, decode);
  return decoded.ok && isWeakPublicKey(decoded.key) ? { ok: false, error: WEAK_PUBLIC_KEY_TEXT } : decoded;
}

interface CachedKey {
  readonly name: string;
  /** `undefined` marks a weak key, so that it is refused without being looked at again. */
  readonly key: KeyObject | undefined;
  recentlyUsed: boolean;
}

/** Bound of a {@link PublicKeyCache}. */
export interface PublicKeyCacheOptions {
  /** Imported keys kept, about 1 KiB each. @default 16384 */
  readonly maxCachedKeys?: number;
}

/** Imported public keys, bounded; the longest unused go first, approximately (second chance). */
export class PublicKeyCache {
  readonly maxCachedKeys: number;
  readonly #keys = new Map<string, CachedKey>();
  /** The same entries as a ring, for the clock that evicts. */
  readonly #ring: CachedKey[] = [];
  #hand = 0;

  constructor(options: PublicKeyCacheOptions = {}) {
    this.maxCachedKeys = Math.max(1, options.maxCachedKeys ?? 16_384);
  }

  /** Keys kept now. */
  get size(): number {
    return this.#keys.size;
  }

  /** The imported form of a raw 32-byte key; `undefined` when the key is weak (B-01) or of another length. */
  get(raw: Uint8Array): KeyObject | undefined {
    if (raw.length !== PUBLIC_KEY_BYTES) return undefined;
    const name = Buffer.from(raw.buffer, raw.byteOffset, PUBLIC_KEY_BYTES).toString('latin1');
    const cached = this.#keys.get(name);
    if (cached !== undefined) {
      cached.recentlyUsed = true;
      return cached.key;
    }
    const key = isWeakPublicKey(raw) ? undefined : importPublicKey(raw);
    const entry: CachedKey = { name, key, recentlyUsed: false };
    this.#keys.set(name, entry);
    if (this.#ring.length < this.maxCachedKeys) this.#ring.push(entry);
    else this.#ring[this.#evict()] = entry;
    return key;
  }

  /** Drops the first entry that was not used since the hand last passed it; returns its place. */
  #evict(): number {
    for (;;) {
      const place = this.#hand;
      this.#hand = (place + 1) % this.#ring.length;
      const candidate = this.#ring[place];
      if (candidate === undefined || !candidate.recentlyUsed) {
        if (candidate !== undefined) this.#keys.delete(candidate.name);
        return place;
      }
      candidate.recentlyUsed = false;
    }
  }
}
