/** Lookups of a window that are not counted, so that an address that looks little up holds no bitmap. */
export const UNCOUNTED_LOOKUPS = 32;

/**
 * How many bits count up to `budget` different ids, and how many of them are then expected to be set. An id sets the
 * bit of its hash; with `n` ids a bit of `m` stays clear with probability `e^(-n/m)`. At two to four ids per bit, and
 * from 1,024 bits on, the count is within a few per cent.
 */
export interface DistinctBudget {
  readonly windowMs: number;
  readonly words: number;
  readonly maxSetBits: number;
  /** Secret, so that nobody can choose ids that share their bits. */
  readonly hashSeed: number;
}

/** A budget of about `ids` different ids per `windowMs`, for up to `64 bytes * 2^n` of memory per address. */
export function distinctBudget(ids: number, windowMs: number, hashSeed: number): DistinctBudget {
  const bits = Math.min(Math.max(2 ** Math.ceil(Math.log2(Math.max(ids, 1) / 2)), 1_024), 131_072);
  return {
    windowMs,
    words: bits / 32,
    maxSetBits: Math.min(Math.floor(bits * -Math.expm1(-ids / bits)), bits - 1),
    hashSeed: hashSeed | 0,
  };
}

/** Counts different ids per window of time, roughly and in bounded memory (B-28). */
export class DistinctCounter {
  #windowEndsMs = 0;
  #lookups = 0;
  #setBits = 0;
  #bits: Uint32Array | undefined;

  /**
   * Counts a lookup of `id`. False when this window has seen more different ids than the budget allows; then
   * everything is refused until it ends, known ids too (which of them are known is not kept exactly enough).
   */
  count(budget: DistinctBudget, id: number, nowMs: number): boolean {
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + budget.windowMs;
      this.#lookups = 0;
      this.#setBits = 0;
      this.#bits = undefined;
    }
    if (this.#lookups < UNCOUNTED_LOOKUPS) {
      this.#lookups += 1;
      return true;
    }
    if (this.#setBits > budget.maxSetBits) return false;
    this.#bits ??= new Uint32Array(budget.words);
    const hash = mix(id ^ budget.hashSeed);
    const word = (hash >>> 5) & (budget.words - 1);
    const bit = 1 << (hash & 31);
    const before = this.#bits[word] ?? 0;
    if ((before & bit) === 0) {
      this.#bits[word] = before | bit;
      this.#setBits += 1;
    }
    return this.#setBits <= budget.maxSetBits;
  }

  /** Milliseconds until the window ends. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.ceil(this.#windowEndsMs - nowMs));
  }
}

/** Spreads the bits of a 32-bit number over all of them (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
