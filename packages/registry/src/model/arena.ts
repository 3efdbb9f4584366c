const CHUNK_BYTES = 1 << 20;
const UNIT = 16;
const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT;
const CHUNK_SHIFT = Math.log2(UNITS_PER_CHUNK);
const CHUNK_MASK = CHUNK_BYTES - 1;
const CACHE_LINE_BYTES = 64;
/** What a lookup shows of a node is about this long. */
const TOUCHED_BYTES = 112;
/** Blocks up to this many units come from chunks; larger ones get a buffer of their own. */
const MAX_CLASS_UNITS = 256;
/** References at and above this number name a buffer of its own. */
const LARGE_BASE = 0xc000_0000;

/**
 * Memory for many small byte strings, outside the JavaScript heap. A block is named by a u32 reference; 0 means none.
 * Sizes are rounded up to 16 bytes; a freed block is kept for the next one of its size. A million records cost their
 * bytes and nothing else, and the collector never looks at them.
 */
export class Arena {
  readonly #chunks: Buffer[] = [];
  #nextUnit = UNITS_PER_CHUNK;
  readonly #free: number[][] = Array.from({ length: MAX_CLASS_UNITS + 1 }, () => []);
  readonly #large = new Map<number, Buffer>();
  readonly #freeLarge: number[] = [];
  #nextLarge = LARGE_BASE;

  /** The buffer and offset of the block found by the last call of {@link locate}. */
  buffer: Buffer = Buffer.alloc(0);
  offset = 0;

  /** Bytes taken from the system. */
  get allocatedBytes(): number {
    let bytes = this.#chunks.length * CHUNK_BYTES;
    for (const block of this.#large.values()) bytes += block.length;
    return bytes;
  }

  /** Reserves a block of at least `length` bytes. */
  allocate(length: number): number {
    const units = Math.ceil(length / UNIT) || 1;
    if (units > MAX_CLASS_UNITS) {
      // References of released ones first: a large block that is rewritten for years must not use them up.
      const reference = this.#freeLarge.pop() ?? this.#nextLarge++;
      if (reference > 0xffff_ffff) throw new RangeError('arena: references exhausted');
      this.#large.set(reference, Buffer.alloc(length));
      return reference;
    }
    const reused = (this.#free[units] as number[]).pop();
    if (reused !== undefined) return reused;
    if (this.#nextUnit + units > UNITS_PER_CHUNK) {
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#nextUnit = 0;
    }
    const reference = (this.#chunks.length - 1) * UNITS_PER_CHUNK + this.#nextUnit + 1;
    this.#nextUnit += units;
    return reference;
  }

  /** Gives back the block of `length` bytes that `reference` names. */
  release(reference: number, length: number): void {
    if (reference === 0) return;
    if (reference >= LARGE_BASE) {
      this.#large.delete(reference);
      this.#freeLarge.push(reference);
    } else (this.#free[Math.ceil(length / UNIT) || 1] as number[]).push(reference);
  }

  /** Points `buffer` and `offset` at the block; valid until the next call. No allocation. */
  locate(reference: number): void {
    if (reference >= LARGE_BASE) {
      this.buffer = this.#large.get(reference) as Buffer;
      this.offset = 0;
    } else {
      const unit = reference - 1;
      this.buffer = this.#chunks[unit >>> CHUNK_SHIFT] as Buffer;
      this.offset = (unit & (UNITS_PER_CHUNK - 1)) * UNIT;
    }
  }

  /** Reads the first bytes of a block, for the sake of reading: 0 and large blocks are left alone. */
  touch(reference: number): number {
    if (reference === 0 || reference >= LARGE_BASE) return 0;
    const unit = reference - 1;
    const chunk = this.#chunks[unit >>> CHUNK_SHIFT] as Buffer;
    const offset = (unit & (UNITS_PER_CHUNK - 1)) * UNIT;
    return (
      (chunk[offset] as number) ^
      (chunk[(offset + CACHE_LINE_BYTES) & CHUNK_MASK] as number) ^
      (chunk[(offset + TOUCHED_BYTES) & CHUNK_MASK] as number)
    );
  }
}
