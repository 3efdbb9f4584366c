import {
  BATCH_HEADER_BYTES,
  BATCH_RECORDS,
  checksum,
  encodeBatchHeader,
  RECORD_HEADER_BYTES,
  recordTag,
} from './format.ts';
import { crc32c } from '@node-rs/crc32';

/** Small: with durability `strict` each waiting append has a batch. Buffers of batches in use grow, and are used again. */
const INITIAL_BYTES = 1024;
const INITIAL_RECORDS = 16;

/**
 * A batch being filled: records are encoded as they arrive, with room for the batch header in front, so that one
 * write sends it. The record headers are also kept side by side: the batch's checksum covers them, theirs cover
 * the payloads, and each byte is summed once.
 */
export class Batch {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #headers = Buffer.allocUnsafeSlow(INITIAL_RECORDS * RECORD_HEADER_BYTES);
  #length = BATCH_HEADER_BYTES;
  #count = 0;
  firstSeq = 0;

  /** Bytes in the file. */
  get length(): number {
    return this.#length;
  }

  get count(): number {
    return this.#count;
  }

  get lastSeq(): number {
    return this.firstSeq + this.#count - 1;
  }

  /** Bytes of memory that it holds on to. */
  get capacity(): number {
    return this.#buffer.length + this.#headers.length;
  }

  reset(firstSeq: number): void {
    this.#length = BATCH_HEADER_BYTES;
    this.#count = 0;
    this.firstSeq = firstSeq;
  }

  /** Copies a record in. */
  add(type: number, payload: Uint8Array): void {
    const offset = this.#length;
    const end = offset + RECORD_HEADER_BYTES + payload.length;
    if (end > this.#buffer.length) this.#buffer = grow(this.#buffer, end, offset);
    const at = this.#count * RECORD_HEADER_BYTES;
    if (at + RECORD_HEADER_BYTES > this.#headers.length) {
      this.#headers = grow(this.#headers, at + RECORD_HEADER_BYTES, at);
    }
    const tag = recordTag(this.firstSeq + this.#count, type);
    const sum = crc32c(payload);
    const buffer = this.#buffer;
    const headers = this.#headers;
    buffer.writeUInt32LE(payload.length, offset);
    buffer.writeUInt32LE(tag, offset + 4);
    buffer.writeUInt32LE(sum, offset + 8);
    headers.writeUInt32LE(payload.length, at);
    headers.writeUInt32LE(tag, at + 4);
    headers.writeUInt32LE(sum, at + 8);
    buffer.set(payload, offset + RECORD_HEADER_BYTES);
    this.#length = end;
    this.#count++;
  }

  /**
   * Completes the batch and returns its bytes, followed by `padding` zeros, and its checksum. The bytes are valid
   * until the batch is reset.
   */
  finish(
    link: { seed: number; previous: number; syncedSeq: number },
    padding: number,
  ): { bytes: Buffer; checksum: number } {
    const total = this.#length + padding;
    if (total > this.#buffer.length) this.#buffer = grow(this.#buffer, total, this.#length);
    this.#buffer.fill(0, this.#length, total);
    const sum = encodeBatchHeader(this.#buffer, 0, link.seed, {
      kind: BATCH_RECORDS,
      reason: 0,
      bytes: this.#length - BATCH_HEADER_BYTES,
      count: this.#count,
      firstSeq: this.firstSeq,
      syncedSeq: link.syncedSeq,
      previous: link.previous,
      recordsChecksum: checksum(this.#headers, 0, this.#count * RECORD_HEADER_BYTES),
    });
    return { bytes: this.#buffer.subarray(0, total), checksum: sum };
  }
}

function grow(buffer: Buffer, needed: number, used: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
  buffer.copy(grown, 0, 0, used);
  return grown;
}
