/**
 * What a store holds: which snapshot counts, which records follow it, how the log ends. Reads only; opening, verifying
 * and repairing all judge by this.
 */
import type { MusterError, Storage } from '@muster/core';
import { logErrors } from './errors.ts';
import { endMarkPath, readEndMark } from './end-mark.ts';
import type { EndMark } from './end-mark.ts';
import type { Layout, SequencedFile } from './layout.ts';
import { scanSegment } from './segment-reader.ts';
import type { SegmentScan, SegmentVisitor } from './segment-reader.ts';

/** Why the log can't be what was written. */
export interface LogDamage {
  /**
   * - `segment`: a segment is damaged from `offset` on.
   * - `stranger`: a segment belongs to another store, or doesn't continue the one before.
   * - `missing`: segments between two others are gone.
   * - `end`: segments at the end are gone.
   * - `behind`: the log ends before the snapshot.
   * - `start`: the log begins after the snapshot, or after record 1 when there is none.
   * - `empty`: there is a snapshot and no log.
   * - `closed`: the log does not end with the record that it was closed with.
   */
  readonly kind: 'segment' | 'stranger' | 'missing' | 'end' | 'behind' | 'start' | 'empty' | 'closed';
  /** The file that shows it. */
  readonly file: string;
  readonly offset: number;
  /** First record that is damaged or missing. */
  readonly fromSeq: number;
  /** Last one that is known to have been there and is not available in order any more. */
  readonly toSeq: number;
  readonly reason: string;
  /** Which of the segments it is; the number of segments when it is behind the last. */
  readonly index: number;
}

/** What the records go on from. */
export interface LogBase {
  /** The sequence number of the snapshot, 0 without one. */
  readonly seq: number;
  readonly storeId: Buffer | undefined;
  readonly file: string | undefined;
  /** What the log was closed with, and the file that says so; undefined when it was not closed. */
  readonly closed: (EndMark & { readonly file: string }) | undefined;
}

export interface LogScan {
  /** The segments that were read, in order. */
  readonly scans: readonly SegmentScan[];
  readonly lastSeq: number;
  readonly damage: LogDamage | undefined;
}

/** Index of the segment that holds the first record behind `seq`, or -1. */
export function firstNeeded(segments: readonly SequencedFile[], seq: number): number {
  return segments.findLastIndex((segment) => segment.seq <= seq + 1);
}

/** The mark of an orderly end, if there is one. */
export async function readClosed(storage: Storage, directory: string): Promise<LogBase['closed']> {
  const mark = await readEndMark(storage, directory);
  return mark === undefined ? undefined : { ...mark, file: endMarkPath(directory) };
}

function joinDamage(
  before: SegmentScan,
  next: SequencedFile | undefined,
  index: number,
): LogDamage | undefined {
  const at = { file: before.file.path, offset: before.endOffset, fromSeq: before.lastSeq + 1 };
  if (before.header === undefined || before.end === 'damaged') {
    const toSeq = Math.max(before.knownSeq, next === undefined ? 0 : next.seq - 1);
    return { kind: 'segment', ...at, toSeq, reason: before.reason ?? 'damaged', index };
  }
  if (next === undefined) {
    if (before.end !== 'rotated') return undefined;
    const reason = 'the segment that follows is missing';
    return { kind: 'end', ...at, toSeq: before.lastSeq + 1, reason, index: index + 1 };
  }
  if (before.lastSeq + 1 === next.seq) return undefined;
  if (before.lastSeq + 1 > next.seq) {
    const reason = `begins with record ${next.seq}, which the segment before has too`;
    return {
      kind: 'stranger',
      file: next.path,
      offset: 0,
      fromSeq: at.fromSeq,
      toSeq: at.fromSeq,
      reason,
      index: index + 1,
    };
  }
  const sealed = before.end === 'rotated' || before.end === 'closed';
  return {
    kind: sealed ? 'missing' : 'segment',
    ...at,
    toSeq: next.seq - 1,
    reason: sealed ? 'the segment that follows is missing' : (before.reason ?? 'zeros where records must be'),
    index: sealed ? index + 1 : index,
  };
}

function strangerDamage(
  scan: SegmentScan,
  before: SegmentScan | undefined,
  storeId: Buffer | undefined,
  index: number,
): LogDamage | undefined {
  const { header, file } = scan;
  if (header === undefined) return undefined;
  const seqs = { fromSeq: file.seq, toSeq: Math.max(file.seq, scan.lastSeq) };
  const found = { kind: 'stranger', file: file.path, offset: 0, ...seqs, index } as const;
  if (storeId !== undefined && !header.storeId.equals(storeId)) {
    return { ...found, reason: 'belongs to another store' };
  }
  if (before !== undefined && header.previous !== undefined && header.previous !== before.chain) {
    return { ...found, reason: 'does not continue the segment before it' };
  }
  return undefined;
}

function closedDamage(base: LogBase, lastSeq: number, index: number): LogDamage | undefined {
  const { closed } = base;
  if (closed === undefined || closed.lastSeq === lastSeq) return undefined;
  return {
    kind: 'closed',
    file: closed.file,
    offset: 0,
    fromSeq: Math.min(lastSeq, closed.lastSeq) + 1,
    toSeq: Math.max(lastSeq, closed.lastSeq),
    reason: `the log was closed with record ${closed.lastSeq} and ends with record ${lastSeq}`,
    index,
  };
}

/** Reads the log from where `base` needs it, handing over the records behind `base`; stops at damage. */
export async function scanLog(
  storage: Storage,
  layout: Layout,
  base: LogBase,
  visitor: SegmentVisitor = {},
): Promise<LogScan> {
  const { segments } = layout;
  const scans: SegmentScan[] = [];
  const record = visitor.record?.bind(visitor);
  const wanted: SegmentVisitor = {
    ...visitor,
    ...(record === undefined
      ? {}
      : {
          record(seq: number, type: number, payload: Uint8Array): void {
            if (seq > base.seq) record(seq, type, payload);
          },
        }),
  };
  const stop = (damage: LogDamage): LogScan => ({ scans, lastSeq: damage.fromSeq - 1, damage });
  const first = segments[0];
  const span = { offset: 0, fromSeq: base.seq + 1, index: 0 };
  if (first === undefined) {
    if (base.file === undefined) return { scans, lastSeq: 0, damage: closedDamage(base, 0, 0) };
    const reason = 'there is a snapshot and no log';
    return stop({ kind: 'empty', file: base.file, ...span, toSeq: base.seq + 1, reason });
  }
  const start = firstNeeded(segments, base.seq);
  if (start < 0) {
    const reason = `the log begins with record ${first.seq}`;
    return stop({ kind: 'start', file: first.path, ...span, toSeq: first.seq - 1, reason });
  }
  let storeId = base.storeId ?? base.closed?.storeId;
  for (let index = start; index < segments.length; index++) {
    const scan = await scanSegment(storage, segments[index] as SequencedFile, wanted);
    const before = scans.at(-1);
    const stranger = strangerDamage(scan, before, storeId, index);
    if (stranger !== undefined) return stop(stranger);
    storeId ??= scan.header?.storeId;
    scans.push(scan);
    const damage = joinDamage(scan, segments[index + 1], index);
    if (damage !== undefined) return stop(damage);
  }
  const lastSeq = scans.at(-1)?.lastSeq ?? 0;
  if (lastSeq < base.seq) {
    const file = scans.at(-1)?.file.path ?? first.path;
    const reason = `the log ends with record ${lastSeq}, before the snapshot of ${base.seq}`;
    const damage: LogDamage = {
      kind: 'behind',
      file,
      offset: 0,
      fromSeq: lastSeq + 1,
      toSeq: base.seq,
      reason,
      index: segments.length,
    };
    return { scans, lastSeq, damage };
  }
  return { scans, lastSeq, damage: closedDamage(base, lastSeq, segments.length) };
}

/** Damage as an error. */
export function damageError(damage: LogDamage): MusterError {
  const { kind, file, offset, fromSeq, toSeq, reason } = damage;
  const code = kind === 'segment' ? 'LOG_CORRUPT' : kind === 'stranger' ? 'STORE_FOREIGN' : 'LOG_GAP';
  const records = fromSeq >= toSeq ? `record ${fromSeq}` : `records ${fromSeq} to ${toSeq}`;
  const hint =
    kind === 'stranger' ? logErrors.definitions.LOG_CORRUPT.hint : logErrors.definitions[code].hint;
  return logErrors.create(code, `${file}, offset ${offset}, ${records}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { file, offset, fromSeq, toSeq, reason },
  });
}
