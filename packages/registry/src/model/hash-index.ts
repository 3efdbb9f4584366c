const SEGMENTS = 64;
const FIRST_CAPACITY = 64;

/**
 * An index from a hash to slots, without an object per entry. The caller hashes the key and says whether a slot
 * matches; the index stores only (hash, slot). It grows segment by segment, so no insertion stalls the loop.
 *
 * Strangers choose the keys that are indexed here (public keys, hostnames, owners), so hashes must be seeded with a
 * value that they cannot know: see {@link KeyedHash}.
 */
export class HashIndex {
  readonly #hashes: Uint32Array[] = [];
  /** Slot + 1; 0 marks a free place. */
  readonly #slots: Int32Array[] = [];
  readonly #counts = new Uint32Array(SEGMENTS);
  #size = 0;

  constructor() {
    for (let i = 0; i < SEGMENTS; i++) {
      this.#hashes.push(new Uint32Array(FIRST_CAPACITY));
      this.#slots.push(new Int32Array(FIRST_CAPACITY));
    }
  }

  get size(): number {
    return this.#size;
  }

  /** The first slot with this hash for which `matches` holds, or -1. */
  find(hash: number, matches: (slot: number) => boolean): number {
    const segment = hash >>> 26;
    const hashes = this.#hashes[segment] as Uint32Array;
    const slots = this.#slots[segment] as Int32Array;
    const mask = slots.length - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = slots[i] as number;
      if (entry === 0) return -1;
      if (hashes[i] === hash && matches(entry - 1)) return entry - 1;
    }
  }

  /** Adds an entry. The caller has made sure that the key is not indexed yet. */
  add(hash: number, slot: number): void {
    const segment = hash >>> 26;
    const count = this.#counts[segment] as number;
    if ((count + 1) * 4 > (this.#slots[segment] as Int32Array).length * 3) this.#grow(segment);
    const hashes = this.#hashes[segment] as Uint32Array;
    const slots = this.#slots[segment] as Int32Array;
    const mask = slots.length - 1;
    let i = hash & mask;
    while (slots[i] !== 0) i = (i + 1) & mask;
    hashes[i] = hash;
    slots[i] = slot + 1;
    this.#counts[segment] = count + 1;
    this.#size++;
  }

  /** Adds an entry unless a slot with the same key is indexed; answers that slot, or -1 when the entry was added. */
  addIfAbsent(hash: number, slot: number, matches: (slot: number) => boolean): number {
    const segment = hash >>> 26;
    const hashes = this.#hashes[segment] as Uint32Array;
    const slots = this.#slots[segment] as Int32Array;
    const mask = slots.length - 1;
    let i = hash & mask;
    for (; slots[i] !== 0; i = (i + 1) & mask) {
      const holder = (slots[i] as number) - 1;
      if (hashes[i] === hash && matches(holder)) return holder;
    }
    hashes[i] = hash;
    slots[i] = slot + 1;
    const count = (this.#counts[segment] as number) + 1;
    this.#counts[segment] = count;
    this.#size++;
    if (count * 4 > slots.length * 3) this.#grow(segment);
    return -1;
  }

  /** Removes the entry of exactly this hash and slot; answers whether it was there. */
  remove(hash: number, slot: number): boolean {
    const segment = hash >>> 26;
    const hashes = this.#hashes[segment] as Uint32Array;
    const slots = this.#slots[segment] as Int32Array;
    const mask = slots.length - 1;
    let hole = hash & mask;
    while (slots[hole] !== slot + 1 || hashes[hole] !== hash) {
      if (slots[hole] === 0) return false;
      hole = (hole + 1) & mask;
    }
    for (let i = (hole + 1) & mask; slots[i] !== 0; i = (i + 1) & mask) {
      const home = (hashes[i] as number) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        hashes[hole] = hashes[i] as number;
        slots[hole] = slots[i] as number;
        hole = i;
      }
    }
    slots[hole] = 0;
    this.#counts[segment] = (this.#counts[segment] as number) - 1;
    this.#size--;
    return true;
  }

  #grow(segment: number): void {
    const oldHashes = this.#hashes[segment] as Uint32Array;
    const oldSlots = this.#slots[segment] as Int32Array;
    const hashes = new Uint32Array(oldSlots.length * 2);
    const slots = new Int32Array(hashes.length);
    const mask = slots.length - 1;
    for (let j = 0; j < oldSlots.length; j++) {
      const entry = oldSlots[j] as number;
      if (entry === 0) continue;
      const hash = oldHashes[j] as number;
      let i = hash & mask;
      while (slots[i] !== 0) i = (i + 1) & mask;
      hashes[i] = hash;
      slots[i] = entry;
    }
    this.#hashes[segment] = hashes;
    this.#slots[segment] = slots;
  }
}

/** A seeded 32-bit hash (murmur3's mixing) for short keys that strangers choose. */
export class KeyedHash {
  readonly #seed: number;

  /** `seed` comes from the random port; it is never stored or shown. */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** Hash of `length` bytes of `bytes` from `start`. */
  bytes(bytes: Uint8Array, start: number, length: number): number {
    let hash = this.#seed;
    for (let i = start; i < start + length; i++) hash = mix(hash, bytes[i] as number);
    return finish(hash, length);
  }

  /** Hash of a text: the same as that of its UTF-8 bytes. */
  text(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        const bytes = Buffer.from(text);
        return this.bytes(bytes, 0, bytes.length);
      }
      hash = mix(hash, unit);
    }
    return finish(hash, text.length);
  }
}

function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  hash ^= Math.imul(k, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  return (Math.imul(hash, 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
