import { crc32c } from '@node-rs/crc32';
import type { Storage, StorageFile, Timers } from '@muster/core';
import { logErrors } from './errors.ts';
import {
  BLOCK_HEADER_BYTES,
  decodeBlockHeader,
  decodeFileHeader,
  decodeFooter,
  encodeBlockHeader,
  encodeFileHeader,
  encodeFooter,
  FILE_HEADER_BYTES,
  FOOTER_BYTES,
  SNAPSHOT_MAGIC,
} from './format.ts';
import type { ReadFileHeader } from './format.ts';
import type { SequencedFile } from './layout.ts';
import { FileWindow } from './window.ts';

/** One slice of a snapshot; 64 to 256 KiB keep both the loop and the disk at ease. */
export interface SnapshotBlock {
  /** What the bytes are, for the reader; 0 to 2^32 - 1. */
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/** A snapshot that is complete. */
export interface SnapshotInfo {
  /** The state after this record. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly blocks: number;
  /** Bytes of the file. */
  readonly bytes: number;
}

/** The largest block, in bytes. */
export const MAX_BLOCK_BYTES = 64 * 1024 * 1024;
/** Small blocks are gathered to writes of this size. */
const WRITE_BYTES = 256 * 1024;
/** A sync every so often, so that the log's own syncs never wait for a whole snapshot. */
const SYNC_BYTES = 8 * 1024 * 1024;

class SnapshotWriter {
  readonly #file: StorageFile;
  readonly #timers: Timers;
  #buffer = Buffer.allocUnsafeSlow(WRITE_BYTES + BLOCK_HEADER_BYTES);
  #filled = 0;
  #position = 0;
  #unsynced = 0;
  #chain: number;
  #blocks = 0;
  #payloadBytes = 0;

  constructor(file: StorageFile, timers: Timers, header: { bytes: Buffer; seed: number }) {
    this.#file = file;
    this.#timers = timers;
    this.#chain = header.seed;
    header.bytes.copy(this.#buffer, 0);
    this.#filled = header.bytes.length;
  }

  async add(block: SnapshotBlock): Promise<void> {
    const { bytes, kind } = block;
    if (bytes.length > MAX_BLOCK_BYTES) throw new RangeError(`snapshot block of ${bytes.length} bytes`);
    const needed = BLOCK_HEADER_BYTES + bytes.length;
    if (this.#filled + needed > this.#buffer.length) await this.#flush();
    else await this.#timers.yield();
    if (needed > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(needed);
    const header = { kind, length: bytes.length, payloadChecksum: crc32c(bytes) };
    this.#chain = encodeBlockHeader(this.#buffer, this.#filled, this.#chain, header);
    this.#buffer.set(bytes, this.#filled + BLOCK_HEADER_BYTES);
    this.#filled += needed;
    this.#blocks++;
    this.#payloadBytes += bytes.length;
  }

  async end(seq: number): Promise<{ blocks: number; bytes: number }> {
    await this.#flush();
    const footer = { blocks: this.#blocks, payloadBytes: this.#payloadBytes, sequence: seq };
    await this.#file.write(this.#position, encodeFooter(this.#chain, footer));
    await this.#file.sync();
    return { blocks: this.#blocks, bytes: this.#position + FOOTER_BYTES };
  }

  async #flush(): Promise<void> {
    await this.#file.write(this.#position, this.#buffer.subarray(0, this.#filled));
    this.#position += this.#filled;
    this.#unsynced += this.#filled;
    this.#filled = 0;
    if (this.#unsynced < SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
  }
}

/** Writes a whole snapshot to a new file and syncs it; stops with LOG_CLOSED once `aborted` says so. */
export async function writeSnapshotFile(
  storage: Storage,
  timers: Timers,
  path: string,
  head: { readonly storeId: Buffer; readonly seq: number; readonly createdAt: number },
  blocks: Iterable<SnapshotBlock> | AsyncIterable<SnapshotBlock>,
  aborted: () => boolean,
): Promise<SnapshotInfo> {
  const file = await storage.open(path, 'create');
  try {
    const header = encodeFileHeader(SNAPSHOT_MAGIC, {
      storeId: head.storeId,
      sequence: head.seq,
      createdAt: head.createdAt,
      previous: undefined,
    });
    const writer = new SnapshotWriter(file, timers, header);
    for await (const block of blocks) {
      if (aborted()) throw logErrors.create('LOG_CLOSED', 'the log was closed');
      await writer.add(block);
    }
    const { blocks: count, bytes } = await writer.end(head.seq);
    return { seq: head.seq, createdAt: head.createdAt, blocks: count, bytes };
  } finally {
    await file.close();
  }
}

/** What to do with what is read. */
export interface SnapshotVisitor {
  block?(kind: number, bytes: Uint8Array): void;
  progress?(bytes: number): void | Promise<void>;
}

function corrupt(file: SequencedFile, offset: number, reason: string): Error {
  return logErrors.create('SNAPSHOT_CORRUPT', `${file.path} is damaged at offset ${offset}: ${reason}`, {
    details: { file: file.path, offset, seq: file.seq, reason },
  });
}

/** Reads the header of a snapshot. */
export async function readSnapshotHeader(storage: Storage, file: SequencedFile): Promise<ReadFileHeader> {
  const open = await storage.open(file.path, 'read');
  try {
    const bytes = await open.read(0, FILE_HEADER_BYTES);
    const header = decodeFileHeader(SNAPSHOT_MAGIC, Buffer.from(bytes), file.path);
    if (header === undefined || header.sequence !== file.seq) {
      throw corrupt(file, 0, 'the header is damaged');
    }
    return header;
  } finally {
    await open.close();
  }
}

async function scanBlocks(
  window: FileWindow,
  file: SequencedFile,
  header: ReadFileHeader,
  visitor: SnapshotVisitor,
): Promise<SnapshotInfo> {
  let offset = FILE_HEADER_BYTES;
  let chain = header.seed;
  let blocks = 0;
  let payloadBytes = 0;
  const available = async (length: number): Promise<boolean> => {
    if (window.has(offset, length)) return true;
    await visitor.progress?.(offset);
    return window.load(offset, length);
  };
  for (;;) {
    if (!(await available(BLOCK_HEADER_BYTES))) throw corrupt(file, offset, 'the file ends early');
    const block = decodeBlockHeader(window.buffer, window.index(offset), chain);
    if (block === undefined) break;
    const whole = BLOCK_HEADER_BYTES + block.length;
    if (!(await available(whole))) throw corrupt(file, offset, 'the file ends inside a block');
    const at = window.index(offset);
    const payload = window.buffer.subarray(at + BLOCK_HEADER_BYTES, at + whole);
    if (crc32c(payload) !== block.payloadChecksum) throw corrupt(file, offset, 'a block fails its checksum');
    visitor.block?.(block.kind, payload);
    chain = block.checksum;
    offset += whole;
    blocks++;
    payloadBytes += block.length;
  }
  if (!(await available(FOOTER_BYTES))) throw corrupt(file, offset, 'the file ends early');
  const footer = decodeFooter(window.buffer, window.index(offset), chain);
  if (
    footer === undefined ||
    footer.blocks !== blocks ||
    footer.payloadBytes !== payloadBytes ||
    footer.sequence !== header.sequence
  ) {
    throw corrupt(file, offset, 'neither a whole block nor a whole footer');
  }
  if (offset + FOOTER_BYTES !== window.fileBytes) {
    throw corrupt(file, offset + FOOTER_BYTES, 'bytes behind the footer');
  }
  return { seq: header.sequence, createdAt: header.createdAt, blocks, bytes: window.fileBytes };
}

/**
 * Reads a whole snapshot, handing over each block once its checksum is right. Blocks before a damaged one have been
 * handed over by then.
 *
 * @throws SNAPSHOT_CORRUPT, STORE_VERSION
 */
export async function scanSnapshot(
  storage: Storage,
  file: SequencedFile,
  visitor: SnapshotVisitor = {},
): Promise<{ info: SnapshotInfo; storeId: Buffer }> {
  const open = await storage.open(file.path, 'read');
  try {
    const window = new FileWindow(open, await open.size());
    const whole = await window.load(0, FILE_HEADER_BYTES);
    const bytes = window.buffer.subarray(0, FILE_HEADER_BYTES);
    const header = whole ? decodeFileHeader(SNAPSHOT_MAGIC, bytes, file.path) : undefined;
    if (header === undefined || header.sequence !== file.seq) {
      throw corrupt(file, 0, 'the header is damaged');
    }
    return { info: await scanBlocks(window, file, header, visitor), storeId: header.storeId };
  } finally {
    await open.close();
  }
}
