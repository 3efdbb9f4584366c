import { crc32c } from '@node-rs/crc32';
import type { Storage } from '@muster/core';
import type { SequencedFile } from './layout.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_RECORDS,
  BATCH_SEAL,
  checksum,
  decodeBatchHeader,
  decodeFileHeader,
  FILE_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  recordTag,
  SEAL_CLOSED,
  SEGMENT_MAGIC,
} from './format.ts';
import type { BatchHeader, ReadFileHeader } from './format.ts';
import { FileWindow } from './window.ts';

/** How a segment ends. `damaged` means that something behind proves that there was more. */
export type SegmentEnd = 'rotated' | 'closed' | 'open' | 'torn' | 'damaged';

/** What reading a segment found. */
export interface SegmentScan {
  readonly file: SequencedFile;
  /** Undefined when the header is damaged; nothing else was looked at then. */
  readonly header: ReadFileHeader | undefined;
  /** Last whole record; one less than the first when there is none. */
  readonly lastSeq: number;
  readonly batches: number;
  readonly end: SegmentEnd;
  /** Where the last whole batch ends: where a seal is, or belongs. */
  readonly endOffset: number;
  /** Where the first batch begins that nothing proves to have been synced; `endOffset` when all are. */
  readonly unprovenOffset: number;
  /** Checksum of the last batch, which the chain goes on from. */
  readonly chain: number;
  /** Of a damaged end: the highest sequence number that is known to have been there. */
  readonly knownSeq: number;
  /** What was wrong with the first batch that is not whole. */
  readonly reason: string | undefined;
}

/** What to do with what is read. Bytes are valid only during the call. */
export interface SegmentVisitor {
  record?(seq: number, type: number, payload: Uint8Array): void;
  /** After a whole batch. */
  batch?(header: BatchHeader, offset: number): void;
  /** Now and then, between reads. */
  progress?(bytes: number): void | Promise<void>;
}

type CheckedBatch = BatchHeader & { readonly checksum: number };

class SegmentReader {
  readonly #window: FileWindow;
  readonly #file: SequencedFile;
  readonly #visitor: SegmentVisitor;
  readonly #payloads: Uint8Array[] = [];
  #headers = Buffer.allocUnsafe(64 * RECORD_HEADER_BYTES);
  #unproven: { offset: number; lastSeq: number }[] = [];
  #offset = FILE_HEADER_BYTES;
  #nextSeq: number;
  #batches = 0;
  #chain = 0;
  #seed = 0;

  constructor(window: FileWindow, file: SequencedFile, visitor: SegmentVisitor) {
    this.#window = window;
    this.#file = file;
    this.#visitor = visitor;
    this.#nextSeq = file.seq;
  }

  async read(): Promise<SegmentScan> {
    const header = await this.#header();
    if (header === undefined || header.sequence !== this.#file.seq) {
      return this.#result(undefined, 'damaged', 'the header is damaged', this.#file.seq);
    }
    this.#seed = header.seed;
    this.#chain = header.seed;
    for (;;) {
      const batch = await this.#next();
      if (typeof batch === 'string') return this.#tail(header, batch);
      if (batch.kind === BATCH_SEAL) {
        const end = batch.reason === SEAL_CLOSED ? 'closed' : 'rotated';
        this.#unproven = [];
        return this.#result(header, end, undefined, this.#nextSeq - 1);
      }
      this.#take(batch);
    }
  }

  async #header(): Promise<ReadFileHeader | undefined> {
    if (!(await this.#window.load(0, FILE_HEADER_BYTES))) return undefined;
    return decodeFileHeader(
      SEGMENT_MAGIC,
      this.#window.buffer.subarray(0, FILE_HEADER_BYTES),
      this.#file.path,
    );
  }

  async #available(length: number): Promise<boolean> {
    if (this.#window.has(this.#offset, length)) return true;
    await this.#visitor.progress?.(this.#offset);
    return this.#window.load(this.#offset, length);
  }

  /** The batch at the current offset, checked; or what is wrong with it. */
  async #next(): Promise<CheckedBatch | string> {
    if (!(await this.#available(BATCH_HEADER_BYTES))) return 'the file ends';
    const window = this.#window;
    const batch = decodeBatchHeader(window.buffer, window.index(this.#offset), this.#seed);
    if (batch === undefined) return 'no whole batch header';
    if (batch.firstSeq !== this.#nextSeq || batch.previous !== this.#chain) return 'batch out of order';
    if (batch.kind === BATCH_SEAL) return batch;
    if (batch.kind !== BATCH_RECORDS) return 'unknown kind of batch';
    if (!(await this.#available(BATCH_HEADER_BYTES + batch.bytes))) return 'the file ends inside a batch';
    return this.#check(batch) ?? batch;
  }

  /** Checks the records of a batch and collects their payloads; says what is wrong, if anything. */
  #check(batch: CheckedBatch): string | undefined {
    const { buffer } = this.#window;
    let at = this.#window.index(this.#offset) + BATCH_HEADER_BYTES;
    const end = at + batch.bytes;
    if (batch.count === 0 || batch.count * RECORD_HEADER_BYTES > batch.bytes) return 'wrong record count';
    if (this.#headers.length < batch.count * RECORD_HEADER_BYTES) {
      this.#headers = Buffer.allocUnsafe(batch.count * 2 * RECORD_HEADER_BYTES);
    }
    const headers = this.#headers;
    for (let i = 0; i < batch.count; i++) {
      if (at + RECORD_HEADER_BYTES > end) return `record ${this.#nextSeq + i} does not fit its batch`;
      headers.set(buffer.subarray(at, at + RECORD_HEADER_BYTES), i * RECORD_HEADER_BYTES);
      const stop = at + RECORD_HEADER_BYTES + buffer.readUInt32LE(at);
      if (stop > end) return `record ${this.#nextSeq + i} does not fit its batch`;
      this.#payloads[i] = buffer.subarray(at + RECORD_HEADER_BYTES, stop);
      at = stop;
    }
    if (at !== end) return 'bytes left over in a batch';
    if (checksum(headers, 0, batch.count * RECORD_HEADER_BYTES) !== batch.recordsChecksum) {
      return 'the record headers fail their checksum';
    }
    for (let i = 0; i < batch.count; i++) {
      const seq = this.#nextSeq + i;
      const offset = i * RECORD_HEADER_BYTES;
      const tag = headers.readUInt32LE(offset + 4);
      if (tag !== recordTag(seq, tag & 0xff)) return `record ${seq} has another number`;
      const payload = this.#payloads[i] as Uint8Array;
      if (crc32c(payload) !== headers.readUInt32LE(offset + 8)) return `record ${seq} fails its checksum`;
    }
    return undefined;
  }

  #take(batch: CheckedBatch): void {
    const offset = this.#offset;
    if (this.#visitor.record !== undefined) {
      for (let i = 0; i < batch.count; i++) {
        const type = this.#headers[i * RECORD_HEADER_BYTES + 4] as number;
        this.#visitor.record(this.#nextSeq + i, type, this.#payloads[i] as Uint8Array);
      }
    }
    this.#nextSeq += batch.count;
    this.#offset += BATCH_HEADER_BYTES + batch.bytes;
    this.#chain = batch.checksum;
    this.#batches++;
    if (this.#unproven.length > 0) {
      this.#unproven = this.#unproven.filter((earlier) => earlier.lastSeq > batch.syncedSeq);
    }
    this.#unproven.push({ offset, lastSeq: this.#nextSeq - 1 });
    this.#visitor.batch?.(batch, offset);
  }

  /** Looks at what lies behind the last whole batch: nothing, a torn batch, or proof that there was more. */
  async #tail(header: ReadFileHeader, reason: string): Promise<SegmentScan> {
    const window = this.#window;
    let position = this.#offset;
    let blank = true;
    let proof = 0;
    while (position < window.fileBytes) {
      const length = Math.min(window.fileBytes - position, BATCH_HEADER_BYTES);
      if (!window.has(position, length) && !(await window.load(position, length))) break;
      const { buffer } = window;
      const stop = window.index(window.end);
      let at = window.index(position);
      for (; at < stop; at++) {
        const byte = buffer[at] as number;
        if (byte === 0) continue;
        blank = false;
        if (byte !== (BATCH_MAGIC & 0xff)) continue;
        if (at + BATCH_HEADER_BYTES > stop) break;
        const later = decodeBatchHeader(buffer, at, this.#seed);
        if (later !== undefined && later.syncedSeq >= this.#nextSeq) {
          proof = Math.max(proof, later.firstSeq + later.count - 1, later.syncedSeq);
        }
      }
      const reached = position + (at - window.index(position));
      if (reached >= window.fileBytes || window.fileBytes - reached < BATCH_HEADER_BYTES) break;
      position = reached;
    }
    if (proof > 0) return this.#result(header, 'damaged', reason, proof);
    return blank
      ? this.#result(header, 'open', undefined, this.#nextSeq - 1)
      : this.#result(header, 'torn', reason, this.#nextSeq - 1);
  }

  #result(
    header: ReadFileHeader | undefined,
    end: SegmentEnd,
    reason: string | undefined,
    knownSeq: number,
  ): SegmentScan {
    return {
      file: this.#file,
      header,
      lastSeq: this.#nextSeq - 1,
      batches: this.#batches,
      end,
      endOffset: this.#offset,
      unprovenOffset: this.#unproven[0]?.offset ?? this.#offset,
      chain: this.#chain,
      knownSeq,
      reason,
    };
  }
}

/**
 * Reads a segment from front to back and hands over its records batch by batch, each batch only when all of it is
 * whole. Never changes anything.
 *
 * @throws STORE_VERSION
 */
export async function scanSegment(
  storage: Storage,
  file: SequencedFile,
  visitor: SegmentVisitor = {},
): Promise<SegmentScan> {
  const open = await storage.open(file.path, 'read');
  try {
    const size = await open.size();
    return await new SegmentReader(new FileWindow(open, size), file, visitor).read();
  } finally {
    await open.close();
  }
}
