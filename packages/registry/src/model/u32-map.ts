const SEGMENTS = 64;
const FIRST_CAPACITY = 64;
/** Keys that share one array of the dense part. */
const CHUNK_KEYS = 16_384;
const CHUNK_SHIFT = Math.log2(CHUNK_KEYS);

/** Multiplicative hash: spreads sequential ids over the whole range. */
function spread(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 0;
}

/**
 * A map from a non-zero u32 to a slot number, without an object per entry. Ids are given out one after the other, so
 * most keys lie densely from 1 on: those are indices of arrays, which hold a slot in four bytes and find it in one
 * read. All others, such as ids that were drawn, lie in hash tables: open addressing with linear probing in 64
 * segments that grow one by one, key and slot side by side in one line of the cache. No single insertion copies
 * more than a 64th of a table.
 */
export class U32Map {
  /** Key and slot of each place in turn; key 0 = free. */
  readonly #segments: Uint32Array[] = [];
  readonly #counts = new Uint32Array(SEGMENTS);
  /** Slot + 1 of the keys from 0 on, 0 = not there. */
  readonly #dense: Uint32Array[] = [];
  #size = 0;

  constructor() {
    for (let i = 0; i < SEGMENTS; i++) this.#segments.push(new Uint32Array(FIRST_CAPACITY * 2));
  }

  /** Number of entries. */
  get size(): number {
    return this.#size;
  }

  /** The slot stored for `key`, or -1. */
  get(key: number): number {
    const dense = this.#dense[key >>> CHUNK_SHIFT];
    if (dense !== undefined) return (dense[key & (CHUNK_KEYS - 1)] as number) - 1;
    return this.#hashed(key);
  }

  #hashed(key: number): number {
    const hash = spread(key);
    const places = this.#segments[hash >>> 26] as Uint32Array;
    const mask = places.length - 1;
    for (let i = (hash >>> 3) & mask & ~1; ; i = (i + 2) & mask) {
      const found = places[i];
      if (found === key) return places[i + 1] as number;
      if (found === 0) return -1;
    }
  }

  /** Stores `slot` for `key`, replacing what was there. `key` must not be 0. */
  set(key: number, slot: number): void {
    const dense = this.#denseFor(key);
    if (dense === undefined) return this.#setHashed(key, slot);
    const place = key & (CHUNK_KEYS - 1);
    if (dense[place] === 0) this.#size++;
    dense[place] = slot + 1;
  }

  #setHashed(key: number, slot: number): void {
    const hash = spread(key);
    const segment = hash >>> 26;
    const count = this.#counts[segment] as number;
    // Places hold two numbers: three quarters full at 3/8 of the array's length.
    if ((count + 1) * 8 > (this.#segments[segment] as Uint32Array).length * 3) this.#grow(segment);
    const places = this.#segments[segment] as Uint32Array;
    const i = freeOrSame(places, hash, key);
    if (places[i] === 0) {
      places[i] = key;
      this.#counts[segment] = count + 1;
      this.#size++;
    }
    places[i + 1] = slot;
  }

  /** Removes `key` if it is there. */
  delete(key: number): void {
    const dense = this.#dense[key >>> CHUNK_SHIFT];
    if (dense === undefined) return this.#deleteHashed(key);
    const place = key & (CHUNK_KEYS - 1);
    if (dense[place] !== 0) this.#size--;
    dense[place] = 0;
  }

  /** The array of the dense part for a key; a new one as long as there is room for at most about twice as many keys as are there. */
  #denseFor(key: number): Uint32Array | undefined {
    const chunk = key >>> CHUNK_SHIFT;
    if (chunk !== this.#dense.length || key > CHUNK_KEYS + 2 * this.#size) return this.#dense[chunk];
    const dense = new Uint32Array(CHUNK_KEYS);
    const first = chunk * CHUNK_KEYS;
    // Keys of this range that came before it move here.
    for (let early = Math.max(1, first); early < first + CHUNK_KEYS; early++) {
      const slot = this.#hashed(early);
      if (slot < 0) continue;
      this.#deleteHashed(early);
      this.#size++;
      dense[early - first] = slot + 1;
    }
    this.#dense.push(dense);
    return dense;
  }

  #deleteHashed(key: number): void {
    const hash = spread(key);
    const segment = hash >>> 26;
    const places = this.#segments[segment] as Uint32Array;
    const mask = places.length - 1;
    let hole = freeOrSame(places, hash, key);
    if (places[hole] === 0) return;
    // Close the gap: move back every later entry of the run whose home position is not behind the hole.
    for (let i = (hole + 2) & mask; places[i] !== 0; i = (i + 2) & mask) {
      const home = (spread(places[i] as number) >>> 3) & mask & ~1;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        places[hole] = places[i] as number;
        places[hole + 1] = places[i + 1] as number;
        hole = i;
      }
    }
    places[hole] = 0;
    this.#counts[segment] = (this.#counts[segment] as number) - 1;
    this.#size--;
  }

  #grow(segment: number): void {
    const old = this.#segments[segment] as Uint32Array;
    const places = new Uint32Array(old.length * 2);
    for (let j = 0; j < old.length; j += 2) {
      const key = old[j] as number;
      if (key === 0) continue;
      const i = freeOrSame(places, spread(key), key);
      places[i] = key;
      places[i + 1] = old[j + 1] as number;
    }
    this.#segments[segment] = places;
  }
}

/** The place of a key, or the free one where it belongs. */
function freeOrSame(places: Uint32Array, hash: number, key: number): number {
  const mask = places.length - 1;
  let i = (hash >>> 3) & mask & ~1;
  while (places[i] !== 0 && places[i] !== key) i = (i + 2) & mask;
  return i;
}
