/*
 * Reads the write-ahead log of the original server (spec §10.2).
 *
 * Fault model: a crash may cut the last record anywhere; the original may have appended a record that its own replay
 * refuses (larger than 1 MiB), which hides everything behind it; bytes may be damaged, and there are no checksums to
 * tell. Reading never throws: the records that can be had are returned in order, with what was passed over and where
 * and why it ended. The plain mode stops where the original stops. The salvage mode goes on, and says so.
 */
import { decodeLogRecord } from './log-codec.ts';
import { maxLogRecordBytes } from './log-records.ts';
import type { OriginalLogRecord } from './log-records.ts';

/** Options of reading a log. */
export interface ReadOriginalLogOptions {
  /**
   * Go on behind a record that stops a replay of the original, where intact records follow. An oversized record that
   * is itself intact is used.
   * @default false
   */
  readonly salvage?: boolean;
}

/** Why a replay stops, or why bytes were passed over. */
export type OriginalLogProblem =
  /** The length field says more than 1 MiB. */
  | 'record-too-large'
  /** The file ends inside of a record. */
  | 'torn-payload'
  /** The record has the wrong content for its type. */
  | 'invalid-content'
  /** The record is not JSON; the original skips these too. */
  | 'not-json';

/** A stretch of bytes of which nothing was used. */
export interface OriginalLogSkip {
  readonly offset: number;
  readonly bytes: number;
  /** How many records were counted in it; 1 when the boundaries inside are not known. */
  readonly records: number;
  readonly reason: OriginalLogProblem;
}

/** What a log holds. */
export interface OriginalLog {
  readonly records: readonly OriginalLogRecord[];
  /** Set when reading ended before the end of the file, as a replay of the original would with an error. */
  readonly stopped?: {
    readonly offset: number;
    readonly reason: Exclude<OriginalLogProblem, 'not-json'>;
    readonly message: string;
  };
  /** Bytes that were passed over, neighbours of the same kind joined; in order. */
  readonly skipped: readonly OriginalLogSkip[];
  /** Intact records larger than 1 MiB that were used: the original would have stopped at the first. */
  readonly oversized: readonly { readonly offset: number; readonly bytes: number }[];
  /** The 1–3 bytes of a length field at the end, which a crash cut short; a clean end. */
  readonly tornTailBytes: number;
}

/** Where every record of the original begins. */
const recordStart = Buffer.from('{"seq_no":');
const lengthBytes = 4;

/** Reads a log. Never throws; see {@link OriginalLog} for what was not read. */
export function readOriginalLog(bytes: Uint8Array, options: ReadOriginalLogOptions = {}): OriginalLog {
  const log = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const salvage = options.salvage ?? false;
  const records: OriginalLogRecord[] = [];
  const skipped: OriginalLogSkip[] = [];
  const oversized: { offset: number; bytes: number }[] = [];
  let offset = 0;
  while (log.length - offset >= lengthBytes) {
    const found = recordAt(log, offset);
    if (found.kind === 'intact' || (salvage && found.kind === 'oversized')) {
      records.push(found.record);
      if (found.kind === 'oversized') oversized.push({ offset, bytes: found.end - offset });
      offset = found.end;
      continue;
    }
    if (found.kind === 'not-json') {
      // A damaged length may have swallowed good records.
      const end = (salvage ? nextIntact(log, offset + 1, found.end) : undefined) ?? found.end;
      skip(skipped, { offset, bytes: end - offset, records: found.records, reason: found.kind });
      offset = end;
      continue;
    }
    const reason = found.kind === 'oversized' ? 'record-too-large' : found.kind;
    const next = salvage ? nextIntact(log, offset + 1, log.length) : undefined;
    if (next === undefined) {
      return {
        records,
        stopped: { offset, reason, message: found.message },
        skipped,
        oversized,
        tornTailBytes: 0,
      };
    }
    skip(skipped, { offset, bytes: next - offset, records: 1, reason });
    offset = next;
  }
  return { records, skipped, oversized, tornTailBytes: log.length - offset };
}

/** What is at an offset. `end` is where the next record is expected. */
type Found =
  | { readonly kind: 'intact'; readonly record: OriginalLogRecord; readonly end: number }
  /** Intact, but larger than a replay accepts. */
  | {
      readonly kind: 'oversized';
      readonly record: OriginalLogRecord;
      readonly message: string;
      readonly end: number;
    }
  | { readonly kind: 'not-json'; readonly records: number; readonly end: number }
  | { readonly kind: Exclude<OriginalLogProblem, 'not-json'>; readonly message: string };

/** The record at an offset with at least four bytes left. */
function recordAt(log: Buffer, offset: number): Found {
  const length = log.readUInt32LE(offset);
  if (length === 0) return emptyRecords(log, offset);
  const start = offset + lengthBytes;
  const end = start + length;
  if (length > maxLogRecordBytes) {
    const message = `the record at byte ${offset} claims ${length} bytes, more than ${maxLogRecordBytes}`;
    // Whether it is a real record that was appended without a check, or a damaged length, shows in its content.
    const mayBeReal = end <= log.length && isRecordStart(log, start);
    const decoded = mayBeReal ? decodeLogRecord(log.subarray(start, end)) : undefined;
    if (decoded === undefined || !('record' in decoded)) return { kind: 'record-too-large', message };
    return { kind: 'oversized', record: decoded.record, message, end };
  }
  if (end > log.length) {
    const message = `the record at byte ${offset} claims ${length} bytes, but only ${log.length - start} follow`;
    return { kind: 'torn-payload', message };
  }
  const decoded = decodeLogRecord(log.subarray(start, end));
  if ('record' in decoded) return { kind: 'intact', record: decoded.record, end };
  if (decoded.problem === 'not-json') return { kind: 'not-json', records: 1, end };
  return { kind: 'invalid-content', message: `the record at byte ${offset}: ${decoded.message}` };
}

/** A run of empty records, in one step: a preallocated file may hold millions. */
function emptyRecords(log: Buffer, offset: number): Found {
  let end = offset + lengthBytes;
  while (log.length - end >= lengthBytes && log.readUInt32LE(end) === 0) end += lengthBytes;
  return { kind: 'not-json', records: (end - offset) / lengthBytes, end };
}

function isRecordStart(log: Buffer, start: number): boolean {
  return (
    log.compare(
      recordStart,
      0,
      recordStart.length,
      start,
      Math.min(start + recordStart.length, log.length),
    ) === 0
  );
}

/**
 * The offset of the next intact record before `until`. A length that matches complete JSON which starts as every record
 * does is proof enough: text inside of a record can't look like one, because quotes are escaped there.
 */
function nextIntact(log: Buffer, from: number, until: number): number | undefined {
  const stretch = log.subarray(0, until + lengthBytes + recordStart.length - 1);
  let at = from + lengthBytes - 1;
  for (;;) {
    at = stretch.indexOf(recordStart, at + 1);
    if (at < 0) return undefined;
    const { kind } = recordAt(log, at - lengthBytes);
    if (kind === 'intact' || kind === 'oversized') return at - lengthBytes;
  }
}

/** Adds a stretch, or lengthens the last one when it continues it (zeroes at the end of a file are many records). */
function skip(skipped: OriginalLogSkip[], next: OriginalLogSkip): void {
  const last = skipped.at(-1);
  if (last === undefined || last.reason !== next.reason || last.offset + last.bytes !== next.offset) {
    skipped.push(next);
    return;
  }
  skipped[skipped.length - 1] = {
    offset: last.offset,
    bytes: last.bytes + next.bytes,
    records: last.records + next.records,
    reason: last.reason,
  };
}
