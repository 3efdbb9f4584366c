import type { Storage, StorageFile } from '@muster/core';
import type { Batch } from './batch.ts';
import {
  BATCH_HEADER_BYTES,
  encodeFileHeader,
  encodeSeal,
  FILE_HEADER_BYTES,
  SEAL_CLOSED,
  SEAL_ROTATED,
  SEGMENT_MAGIC,
} from './format.ts';
import { join, removeIfThere, segmentName } from './layout.ts';

/** Zeros are written ahead in steps that grow with the segment, from this. */
const FIRST_STEP_BYTES = 16 * 1024;
/** To this: what an idle store takes too much, and how seldom a sync must also write the file's size. */
const LAST_STEP_BYTES = 512 * 1024;
/** A batch of this size or more hides the cost of growing the file. */
const NO_STEP_BYTES = 64 * 1024;

export interface NewSegment {
  readonly storeId: Buffer;
  readonly firstSeq: number;
  readonly createdAt: number;
  /** Where the chain of the segment before ends. */
  readonly previous: number | undefined;
}

/** The segment that is being written. One call at a time; after a rejected call it must not be used again. */
export class SegmentWriter {
  readonly path: string;
  readonly firstSeq: number;
  readonly #file: StorageFile;
  readonly #seed: number;
  #chain: number;
  #position = FILE_HEADER_BYTES;
  #allocated = FILE_HEADER_BYTES;

  private constructor(path: string, firstSeq: number, file: StorageFile, seed: number) {
    this.path = path;
    this.firstSeq = firstSeq;
    this.#file = file;
    this.#seed = seed;
    this.#chain = seed;
  }

  /**
   * Makes a segment under a temporary name, syncs it, and gives it its name: whatever has a segment's name has a whole
   * header. It replaces a segment of the same name, which can only be one without records.
   */
  static async create(storage: Storage, directory: string, segment: NewSegment): Promise<SegmentWriter> {
    const path = join(directory, segmentName(segment.firstSeq));
    const temporary = `${path}.tmp`;
    const { bytes, seed } = encodeFileHeader(SEGMENT_MAGIC, {
      storeId: segment.storeId,
      sequence: segment.firstSeq,
      createdAt: segment.createdAt,
      previous: segment.previous,
    });
    await removeIfThere(storage, temporary);
    const fresh = await storage.open(temporary, 'create');
    await fresh.write(0, bytes);
    await fresh.sync();
    await fresh.close();
    await storage.rename(temporary, path);
    await storage.syncDirectory(directory);
    return new SegmentWriter(path, segment.firstSeq, await storage.open(path, 'write'), seed);
  }

  /** Bytes of header and batches. */
  get position(): number {
    return this.#position;
  }

  get chain(): number {
    return this.#chain;
  }

  get hasBatches(): boolean {
    return this.#position > FILE_HEADER_BYTES;
  }

  /** Writes a batch behind the last; not durable before {@link sync}. Returns the bytes written. */
  async write(batch: Batch, syncedSeq: number): Promise<number> {
    const end = this.#position + batch.length;
    const step = Math.min(LAST_STEP_BYTES, Math.max(FIRST_STEP_BYTES, this.#position));
    const padding = end <= this.#allocated || batch.length >= NO_STEP_BYTES ? 0 : step;
    const link = { seed: this.#seed, previous: this.#chain, syncedSeq };
    const { bytes, checksum } = batch.finish(link, padding);
    await this.#file.write(this.#position, bytes);
    this.#position = end;
    this.#allocated = Math.max(this.#allocated, end + padding);
    this.#chain = checksum;
    return bytes.length;
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** Marks the end, cuts the zeros behind it, syncs and closes. Everything before must have been synced. */
  async seal(reason: 'rotated' | 'closed', nextSeq: number): Promise<void> {
    await sealFile(this.#file, this.#position, this.#seed, this.#chain, reason, nextSeq);
    await this.#file.close();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Writes the mark at the end of a segment over whatever is there, and cuts the rest. */
export async function sealFile(
  file: StorageFile,
  offset: number,
  seed: number,
  chain: number,
  reason: 'rotated' | 'closed',
  nextSeq: number,
): Promise<void> {
  await file.write(
    offset,
    encodeSeal(seed, reason === 'closed' ? SEAL_CLOSED : SEAL_ROTATED, nextSeq, chain),
  );
  await file.truncate(offset + BATCH_HEADER_BYTES);
  await file.sync();
}
