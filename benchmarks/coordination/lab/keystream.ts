import { createCipheriv, createHash } from 'node:crypto';

/**
 * Content that looks random, is the same every time, and can be read from any position without anything before it: the
 * AES-256-CTR key stream under the SHA-256 of a name. (A counter stream of SHA-256 itself would be a hundred times slower
 * than what is measured with it.)
 */

const BLOCK = 16;
const CHUNK = 262_144;
const ZEROS = new Uint8Array(CHUNK);

/** Bytes `start` (included) to `end` (not included) of the stream of this name. */
export function* keystream(name: string, start: number, end: number): Generator<Uint8Array> {
  const key = createHash('sha256').update(name).digest();
  const counter = Buffer.alloc(BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(start / BLOCK)), 8);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  let skip = start % BLOCK;
  for (let at = start - skip; at < end; at += CHUNK) {
    const bytes = cipher.update(ZEROS.subarray(0, Math.min(CHUNK, end - at)));
    yield skip > 0 ? bytes.subarray(skip) : bytes;
    skip = 0;
  }
}

/** The first `size` bytes in one piece. */
export function keystreamBytes(name: string, size: number): Buffer {
  return Buffer.concat([...keystream(name, 0, size)], size);
}
