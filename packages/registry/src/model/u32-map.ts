const SEGMENTS = 64;
const FIRST_CAPACITY = 64;

/** Multiplicative hash: spreads sequential ids over the whole range. */
function spread(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 0;
}

/**
 * A map from a non-zero u32 to a slot number, without an object per entry: open addressing with linear probing in 64
 * segments that grow one by one, so that no single insertion copies more than a 64th of the table.
 */
export class U32Map {
  readonly #keys: Uint32Array[] = [];
  readonly #values: Int32Array[] = [];
  readonly #counts = new Uint32Array(SEGMENTS);
  #size = 0;

  constructor() {
    for (let i = 0; i < SEGMENTS; i++) {
      this.#keys.push(new Uint32Array(FIRST_CAPACITY));
      this.#values.push(new Int32Array(FIRST_CAPACITY));
    }
  }

  /** Number of entries. */
  get size(): number {
    return this.#size;
  }

  /** The slot stored for `key`, or -1. */
  get(key: number): number {
    const hash = spread(key);
    const keys = this.#keys[hash >>> 26] as Uint32Array;
    const mask = keys.length - 1;
    for (let i = (hash >>> 4) & mask; ; i = (i + 1) & mask) {
      const found = keys[i];
      if (found === key) return (this.#values[hash >>> 26] as Int32Array)[i] as number;
      if (found === 0) return -1;
    }
  }

  /** Stores `slot` for `key`, replacing what was there. `key` must not be 0. */
  set(key: number, slot: number): void {
    const hash = spread(key);
    const segment = hash >>> 26;
    const count = this.#counts[segment] as number;
    if ((count + 1) * 4 > (this.#keys[segment] as Uint32Array).length * 3) this.#grow(segment);
    const keys = this.#keys[segment] as Uint32Array;
    const values = this.#values[segment] as Int32Array;
    const mask = keys.length - 1;
    let i = (hash >>> 4) & mask;
    while (keys[i] !== 0 && keys[i] !== key) i = (i + 1) & mask;
    if (keys[i] === 0) {
      keys[i] = key;
      this.#counts[segment] = count + 1;
      this.#size++;
    }
    values[i] = slot;
  }

  /** Removes `key` if it is there. */
  delete(key: number): void {
    const hash = spread(key);
    const segment = hash >>> 26;
    const keys = this.#keys[segment] as Uint32Array;
    const values = this.#values[segment] as Int32Array;
    const mask = keys.length - 1;
    let hole = (hash >>> 4) & mask;
    while (keys[hole] !== key) {
      if (keys[hole] === 0) return;
      hole = (hole + 1) & mask;
    }
    // Close the gap: move back every later entry of the run whose home position is not behind the hole.
    for (let i = (hole + 1) & mask; keys[i] !== 0; i = (i + 1) & mask) {
      const home = (spread(keys[i] as number) >>> 4) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        keys[hole] = keys[i] as number;
        values[hole] = values[i] as number;
        hole = i;
      }
    }
    keys[hole] = 0;
    this.#counts[segment] = (this.#counts[segment] as number) - 1;
    this.#size--;
  }

  #grow(segment: number): void {
    const oldKeys = this.#keys[segment] as Uint32Array;
    const oldValues = this.#values[segment] as Int32Array;
    const keys = new Uint32Array(oldKeys.length * 2);
    const values = new Int32Array(keys.length);
    const mask = keys.length - 1;
    for (let j = 0; j < oldKeys.length; j++) {
      const key = oldKeys[j] as number;
      if (key === 0) continue;
      let i = (spread(key) >>> 4) & mask;
      while (keys[i] !== 0) i = (i + 1) & mask;
      keys[i] = key;
      values[i] = oldValues[j] as number;
    }
    this.#keys[segment] = keys;
    this.#values[segment] = values;
  }
}
