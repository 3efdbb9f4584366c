import { hsalsa, salsa20 } from '@noble/ciphers/salsa.js';

const BLOCK = 64;
const NOTHING = new Uint8Array(BLOCK);
/** "expand 32-byte k" as little-endian words. */
const SIGMA = Uint32Array.from([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);

/** Size in bytes of the nonce that each side draws for its direction. */
export const NONCE_BYTES = 24;

/**
 * One direction of an XSalsa20 stream: XORs chunks of any size with the key stream, going on where the last chunk
 * ended. It holds 104 bytes of state and no native memory, so that it goes with the connection that owns it. One
 * direction carries at most 2^32 blocks (256 GiB); the next byte throws, and the connection has to be made anew.
 */
export class XSalsa20Stream {
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #block = new Uint8Array(BLOCK);
  #used = BLOCK;
  #counter = 0;

  /** `key` has 32 bytes, `nonce` {@link NONCE_BYTES}. */
  constructor(key: Uint8Array, nonce: Uint8Array) {
    if (key.length !== 32 || nonce.length !== NONCE_BYTES)
      throw new RangeError('key or nonce of a wrong size');
    const derived = new Uint32Array(8);
    hsalsa(SIGMA, words(key), words(nonce.subarray(0, 16)), derived);
    this.#key = new Uint8Array(derived.buffer);
    this.#nonce = new Uint8Array(nonce.subarray(16));
  }

  /** The chunk, encrypted or decrypted, as a new array; `chunk` is left alone. */
  update(chunk: Uint8Array): Uint8Array {
    const head = Math.min(chunk.length, BLOCK - this.#used);
    // Whole blocks start at a multiple of four, where the cipher works on words instead of bytes.
    const pad = (4 - (head % 4)) % 4;
    const out = new Uint8Array(pad + chunk.length).subarray(pad);
    out.set(chunk);
    this.#mix(out.subarray(0, head));
    const whole = (chunk.length - head) & ~(BLOCK - 1);
    if (whole > 0) {
      const bulk = out.subarray(head, head + whole);
      salsa20(this.#key, this.#nonce, bulk, bulk, this.#counter);
      this.#counter += whole / BLOCK;
    }
    if (head + whole < chunk.length) {
      salsa20(this.#key, this.#nonce, NOTHING, this.#block, this.#counter);
      this.#counter += 1;
      this.#used = 0;
      this.#mix(out.subarray(head + whole));
    }
    return out;
  }

  /** XORs with what is left of the current block. */
  #mix(part: Uint8Array): void {
    for (let i = 0; i < part.length; i += 1) {
      part[i] = (part[i] as number) ^ (this.#block[this.#used + i] as number);
    }
    this.#used += part.length;
  }
}

/**
 * Little-endian words as the host reads them; a copy, so that it is aligned. `slice` would not do: that of a Buffer
 * copies nothing, and its memory is a pool that holds other things.
 */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
