/**
 * Memory of signatures that verified (spec section 4.1). Failures are never remembered.
 *
 * Fault model: a false hit would let a forged signature through. An entry is found only by 128 bits of
 * SHA-256(salt ‖ public key ‖ signature ‖ message). The salt is random and never leaves the process, so nobody can
 * look for collisions beforehand, nor aim signatures at one set to push out a victim's entry; a collision by chance
 * among a million entries and 10^15 look-ups has a probability below 2^-57. The native one-shot SHA-256 costs 0.5 µs,
 * less than a keyed hash written in JavaScript, and 200 times less than a verification.
 *
 * Shape: a set-associative table in typed arrays made once (17 bytes an entry), second-chance eviction within a set.
 */
import { hash } from 'node:crypto';
import type { Random } from '@muster/core';

const WAYS = 8;
const SALT_BYTES = 32;
const TAG_WORDS = 4;

/** Bounds of a {@link VerificationCache}. */
export interface VerificationCacheOptions {
  /** Entries kept, rounded up to a power of two of at least 8; 17 bytes each. @default 524288 */
  readonly maxCachedVerifications?: number;
  /** Longer messages are verified every time. @default 1024 */
  readonly maxCachedMessageBytes?: number;
}

/** A fixed-size memory of successful verifications. */
export class VerificationCache {
  readonly maxCachedVerifications: number;
  readonly maxCachedMessageBytes: number;
  readonly #setMask: number;
  readonly #tags: Uint32Array;
  readonly #recentlyUsed: Uint8Array;
  /** Next way to evict, per set. */
  readonly #hands: Uint8Array;
  /** salt ‖ key ‖ signature ‖ message, rewritten for each digest. */
  readonly #scratch: Buffer;
  /** One view on the scratch space per length, made when first needed, so that a digest allocates no view. */
  readonly #views: (Buffer | undefined)[] = [];
  #hits = 0;
  #misses = 0;
  #entries = 0;

  constructor(random: Random, options: VerificationCacheOptions = {}) {
    const wanted = Math.max(WAYS, options.maxCachedVerifications ?? 524_288);
    this.maxCachedVerifications = 2 ** Math.ceil(Math.log2(wanted));
    this.maxCachedMessageBytes = options.maxCachedMessageBytes ?? 1024;
    const sets = this.maxCachedVerifications / WAYS;
    this.#setMask = sets - 1;
    this.#tags = new Uint32Array(this.maxCachedVerifications * TAG_WORDS);
    this.#recentlyUsed = new Uint8Array(this.maxCachedVerifications);
    this.#hands = new Uint8Array(sets);
    // A UTF-16 unit becomes at most 3 bytes, so a text that passes the length check always fits.
    this.#scratch = Buffer.alloc(SALT_BYTES + 96 + this.maxCachedMessageBytes * 3);
    this.#scratch.set(random.bytes(SALT_BYTES));
  }

  /** Look-ups that found their entry. */
  get hits(): number {
    return this.#hits;
  }

  /** Look-ups that did not. */
  get misses(): number {
    return this.#misses;
  }

  /** Entries in use. */
  get size(): number {
    return this.#entries;
  }

  /**
   * The digest that stands for this signature, for {@link has} and {@link add}; `undefined` when the message is too
   * long to be remembered. The key must have 32 bytes and the signature 64.
   */
  digest(publicKey: Uint8Array, message: string | Uint8Array, signature: Uint8Array): string | undefined {
    if (message.length > this.maxCachedMessageBytes) return undefined;
    const scratch = this.#scratch;
    scratch.set(publicKey, SALT_BYTES);
    scratch.set(signature, SALT_BYTES + 32);
    let length = SALT_BYTES + 96;
    if (typeof message === 'string') {
      length += scratch.write(message, length, 'utf8');
    } else {
      scratch.set(message, length);
      length += message.length;
    }
    const view = (this.#views[length] ??= scratch.subarray(0, length));
    return hash('sha256', view, 'binary');
  }

  /** Whether this signature verified before. */
  has(digest: string): boolean {
    const set = wordAt(digest, 16) & this.#setMask;
    const first = set * WAYS;
    const word = wordAt(digest, 0);
    for (let entry = first; entry < first + WAYS; entry++) {
      if (this.#tags[entry * TAG_WORDS] === word && this.#matches(entry, digest)) {
        this.#recentlyUsed[entry] = 1;
        this.#hits++;
        return true;
      }
    }
    this.#misses++;
    return false;
  }

  /** Remembers a signature. Only for one that did verify. */
  add(digest: string): void {
    const set = wordAt(digest, 16) & this.#setMask;
    const entry = this.#victim(set, digest);
    if (entry < 0) return;
    const tags = this.#tags;
    const at = entry * TAG_WORDS;
    if (this.#isFree(entry)) this.#entries++;
    for (let word = 0; word < TAG_WORDS; word++) tags[at + word] = wordAt(digest, word * 4);
    this.#recentlyUsed[entry] = 0;
  }

  /** The entry of this set to overwrite, or -1 when the digest is there already. */
  #victim(set: number, digest: string): number {
    const first = set * WAYS;
    for (let entry = first; entry < first + WAYS; entry++) if (this.#matches(entry, digest)) return -1;
    for (;;) {
      const hand = this.#hands[set] ?? 0;
      this.#hands[set] = (hand + 1) % WAYS;
      const entry = first + hand;
      if (this.#recentlyUsed[entry] === 0) return entry;
      this.#recentlyUsed[entry] = 0;
    }
  }

  #matches(entry: number, digest: string): boolean {
    const tags = this.#tags;
    const at = entry * TAG_WORDS;
    return (
      tags[at] === wordAt(digest, 0) &&
      tags[at + 1] === wordAt(digest, 4) &&
      tags[at + 2] === wordAt(digest, 8) &&
      tags[at + 3] === wordAt(digest, 12)
    );
  }

  /** An all-zero tag marks a free entry; a digest that begins with 128 zero bits does not occur. */
  #isFree(entry: number): boolean {
    const at = entry * TAG_WORDS;
    const tags = this.#tags;
    return (tags[at] ?? 0) + (tags[at + 1] ?? 0) + (tags[at + 2] ?? 0) + (tags[at + 3] ?? 0) === 0;
  }
}

/** Four characters of a digest as an unsigned number. */
function wordAt(digest: string, offset: number): number {
  return (
    (digest.charCodeAt(offset) |
      (digest.charCodeAt(offset + 1) << 8) |
      (digest.charCodeAt(offset + 2) << 16) |
      (digest.charCodeAt(offset + 3) << 24)) >>>
    0
  );
}
