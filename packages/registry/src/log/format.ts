/**
 * The bytes of segments and snapshots (README, "Format"). Pure functions; every number is little endian.
 */
import { crc32c } from '@node-rs/crc32';
import { logErrors } from './errors.ts';

/** The format that this code writes, and the only one that it reads. */
export const FORMAT_VERSION = 1;
export const FILE_HEADER_BYTES = 64;
export const STORE_ID_BYTES = 16;
export const BATCH_HEADER_BYTES = 44;
export const RECORD_HEADER_BYTES = 12;
export const BLOCK_HEADER_BYTES = 24;
export const FOOTER_BYTES = 40;

export const SEGMENT_MAGIC = Buffer.from('MUSTRLOG', 'latin1');
export const SNAPSHOT_MAGIC = Buffer.from('MUSTRSNP', 'latin1');
/** `MBAT`: begins every batch. */
export const BATCH_MAGIC = 0x5441_424d;
const BLOCK_MAGIC = 0x4b4c_424d;
const FOOTER_MAGIC = 0x444e_454d;

/** What a batch is: records, or the mark at the end of a segment. */
export const BATCH_RECORDS = 1;
export const BATCH_SEAL = 2;
/** Why a segment ends: another one follows, or the log was closed. */
export const SEAL_ROTATED = 1;
export const SEAL_CLOSED = 2;

const TWO_32 = 2 ** 32;

export function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32LE(value % TWO_32, offset);
  target.writeUInt32LE(Math.floor(value / TWO_32), offset + 4);
}

export function readU64(source: Buffer, offset: number): number {
  return source.readUInt32LE(offset + 4) * TWO_32 + source.readUInt32LE(offset);
}

/** CRC32C of part of a buffer, going on from `seed`. */
export function checksum(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  return crc32c(bytes.subarray(start, end), seed);
}

/** The head of a segment (`sequence` is its first) or of a snapshot (`sequence` is its last). */
export interface FileHeader {
  readonly storeId: Buffer;
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Checksum that the last batch of the segment before ends its chain with; undefined when there is none. */
  readonly previous: number | undefined;
}

/** A header as read, with the seed that binds what follows to this file of this store. */
export interface ReadFileHeader extends FileHeader {
  readonly seed: number;
}

/** Where the checksums of a file begin: bound to the store and the sequence, which strangers don't know. */
function seedOf(header: Buffer): number {
  return checksum(header, 16, 40);
}

export function encodeFileHeader(magic: Buffer, header: FileHeader): { bytes: Buffer; seed: number } {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES);
  magic.copy(bytes, 0);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.writeUInt16LE(FILE_HEADER_BYTES, 10);
  header.storeId.copy(bytes, 16);
  writeU64(bytes, header.sequence, 32);
  writeU64(bytes, header.createdAt, 40);
  bytes.writeUInt32LE(header.previous ?? 0, 48);
  bytes.writeUInt32LE(header.previous === undefined ? 0 : 1, 52);
  bytes.writeUInt32LE(checksum(bytes, 0, 60), 60);
  return { bytes, seed: seedOf(bytes) };
}

/**
 * Reads a file header; undefined when it is damaged.
 *
 * @throws STORE_VERSION when it is whole and of another version.
 */
export function decodeFileHeader(magic: Buffer, bytes: Buffer, file: string): ReadFileHeader | undefined {
  if (bytes.length < FILE_HEADER_BYTES || magic.compare(bytes, 0, magic.length) !== 0) return undefined;
  if (checksum(bytes, 0, 60) !== bytes.readUInt32LE(60)) return undefined;
  const version = bytes.readUInt16LE(8);
  if (version !== FORMAT_VERSION) {
    throw logErrors.create(
      'STORE_VERSION',
      `${file} has format version ${version}; this program knows ${FORMAT_VERSION}`,
      { details: { file, version, known: FORMAT_VERSION } },
    );
  }
  return {
    storeId: Buffer.from(bytes.subarray(16, 32)),
    sequence: readU64(bytes, 32),
    createdAt: readU64(bytes, 40),
    previous: bytes.readUInt32LE(52) === 0 ? undefined : bytes.readUInt32LE(48),
    seed: seedOf(bytes),
  };
}

/** The head of a batch. */
export interface BatchHeader {
  readonly kind: number;
  /** Of a seal: why the segment ends. */
  readonly reason: number;
  /** Bytes of the records behind the header. */
  readonly bytes: number;
  readonly count: number;
  readonly firstSeq: number;
  /** Everything up to this sequence number was synced before this batch was written. */
  readonly syncedSeq: number;
  /** The chain: checksum of the header before (of the first batch: the seed of the segment). */
  readonly previous: number;
  /** Checksum of the record headers, one after the other. */
  readonly recordsChecksum: number;
}

/** Writes a batch header at `offset` and returns its checksum, the next link of the chain. */
export function encodeBatchHeader(target: Buffer, offset: number, seed: number, header: BatchHeader): number {
  target.writeUInt32LE(BATCH_MAGIC, offset);
  target.writeUInt32LE(header.kind | (header.reason << 8), offset + 4);
  target.writeUInt32LE(header.bytes, offset + 8);
  target.writeUInt32LE(header.count, offset + 12);
  writeU64(target, header.firstSeq, offset + 16);
  writeU64(target, header.syncedSeq, offset + 24);
  target.writeUInt32LE(header.previous, offset + 32);
  target.writeUInt32LE(header.recordsChecksum, offset + 36);
  const sum = checksum(target, offset, offset + 40, seed);
  target.writeUInt32LE(sum, offset + 40);
  return sum;
}

/** Reads a batch header with its own checksum; undefined when there is none or it is damaged. */
export function decodeBatchHeader(
  source: Buffer,
  offset: number,
  seed: number,
): (BatchHeader & { checksum: number }) | undefined {
  if (source.readUInt32LE(offset) !== BATCH_MAGIC) return undefined;
  const sum = source.readUInt32LE(offset + 40);
  if (checksum(source, offset, offset + 40, seed) !== sum) return undefined;
  const kind = source.readUInt32LE(offset + 4);
  return {
    kind: kind & 0xff,
    reason: (kind >>> 8) & 0xff,
    bytes: source.readUInt32LE(offset + 8),
    count: source.readUInt32LE(offset + 12),
    firstSeq: readU64(source, offset + 16),
    syncedSeq: readU64(source, offset + 24),
    previous: source.readUInt32LE(offset + 32),
    recordsChecksum: source.readUInt32LE(offset + 36),
    checksum: sum,
  };
}

/** The mark at the end of a segment, as bytes. */
export function encodeSeal(seed: number, reason: number, nextSeq: number, previous: number): Buffer {
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES);
  encodeBatchHeader(bytes, 0, seed, {
    kind: BATCH_SEAL,
    reason,
    bytes: 0,
    count: 0,
    firstSeq: nextSeq,
    syncedSeq: nextSeq - 1,
    previous,
    recordsChecksum: 0,
  });
  return bytes;
}

/** The second word of a record header: its type, and the low 24 bits of its sequence number. */
export function recordTag(seq: number, type: number): number {
  return (((seq % 0x100_0000) << 8) | type) >>> 0;
}

/** The head of a snapshot block. */
export interface BlockHeader {
  readonly kind: number;
  readonly length: number;
  readonly payloadChecksum: number;
}

/** Writes a block header and returns its checksum, the next link of the chain that starts with the file's seed. */
export function encodeBlockHeader(
  target: Buffer,
  offset: number,
  chain: number,
  header: BlockHeader,
): number {
  target.writeUInt32LE(BLOCK_MAGIC, offset);
  target.writeUInt32LE(header.kind, offset + 4);
  target.writeUInt32LE(header.length, offset + 8);
  target.writeUInt32LE(0, offset + 12);
  target.writeUInt32LE(header.payloadChecksum, offset + 16);
  const sum = checksum(target, offset, offset + 20, chain);
  target.writeUInt32LE(sum, offset + 20);
  return sum;
}

export function decodeBlockHeader(
  source: Buffer,
  offset: number,
  chain: number,
): (BlockHeader & { checksum: number }) | undefined {
  if (source.readUInt32LE(offset) !== BLOCK_MAGIC) return undefined;
  const sum = source.readUInt32LE(offset + 20);
  if (checksum(source, offset, offset + 20, chain) !== sum) return undefined;
  return {
    kind: source.readUInt32LE(offset + 4),
    length: source.readUInt32LE(offset + 8),
    payloadChecksum: source.readUInt32LE(offset + 16),
    checksum: sum,
  };
}

/** The end of a snapshot. */
export interface Footer {
  readonly blocks: number;
  readonly payloadBytes: number;
  readonly sequence: number;
}

export function encodeFooter(chain: number, footer: Footer): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  bytes.writeUInt32LE(FOOTER_MAGIC, 0);
  bytes.writeUInt32LE(footer.blocks, 4);
  writeU64(bytes, footer.payloadBytes, 8);
  writeU64(bytes, footer.sequence, 16);
  bytes.writeUInt32LE(checksum(bytes, 0, 36, chain), 36);
  return bytes;
}

export function decodeFooter(source: Buffer, offset: number, chain: number): Footer | undefined {
  if (source.readUInt32LE(offset) !== FOOTER_MAGIC) return undefined;
  if (checksum(source, offset, offset + 36, chain) !== source.readUInt32LE(offset + 36)) return undefined;
  return {
    blocks: source.readUInt32LE(offset + 4),
    payloadBytes: readU64(source, offset + 8),
    sequence: readU64(source, offset + 16),
  };
}
