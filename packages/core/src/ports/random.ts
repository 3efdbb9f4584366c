/** Randomness, as a port, so that a simulation can be seeded (DESIGN section 2). */
export interface Random {
  /** `length` bytes. The system adapter's are fit for keys and nonces; a seeded one's are not. */
  bytes(length: number): Uint8Array;
  /** An integer `n` with `0 <= n < limit`; `limit` is from 1 to 2^32. */
  integer(limit: number): number;
  /** A number `x` with `0 <= x < 1`. */
  fraction(): number;
}
