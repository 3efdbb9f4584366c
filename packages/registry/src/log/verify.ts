import type { Storage } from '@muster/core';
import { errorCode, MusterError } from '@muster/core';
import { readLayout } from './layout.ts';
import type { Layout, SequencedFile } from './layout.ts';
import type { LoadProgress, Restore } from './open.ts';
import { damageError, firstNeeded, readClosed, scanLog } from './recovery.ts';
import type { LogBase, LogScan } from './recovery.ts';
import { scanSegment } from './segment-reader.ts';
import type { SegmentEnd, SegmentScan } from './segment-reader.ts';
import { scanSnapshot } from './snapshot-file.ts';
import type { SnapshotInfo } from './snapshot-file.ts';

/** One thing that is wrong with a store. */
export interface VerifyProblem {
  readonly code:
    | 'LOG_CORRUPT'
    | 'LOG_GAP'
    | 'SNAPSHOT_CORRUPT'
    | 'STORE_VERSION'
    | 'STORE_FOREIGN'
    | 'STORE_INCOMPLETE';
  readonly file: string;
  readonly offset: number | undefined;
  /** The records that are damaged or missing, as far as that is known. */
  readonly fromSeq: number | undefined;
  readonly toSeq: number | undefined;
  readonly reason: string;
  /** Whether the store refuses to open because of it. Otherwise newer files make up for it. */
  readonly fatal: boolean;
}

/** What is known of one segment. */
export interface VerifiedSegment {
  readonly file: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly batches: number;
  readonly bytes: number;
  readonly end: SegmentEnd;
}

export interface VerifyReport {
  /** The store opens, and nothing in it is damaged. */
  readonly ok: boolean;
  /** The store opens as it is. */
  readonly opens: boolean;
  /** The sequence number that opening it, or repairing it, ends with; undefined when only a backup helps. */
  readonly recoverableSeq: number | undefined;
  /** The highest sequence number of which there is any sign. */
  readonly knownSeq: number;
  /** Bytes of an unfinished write at the end: normal after a crash, and cut by the next start. */
  readonly tornBytes: number;
  readonly snapshots: readonly SnapshotInfo[];
  readonly segments: readonly VerifiedSegment[];
  readonly problems: readonly VerifyProblem[];
  /** Unfinished files, which the next start removes. */
  readonly temporary: readonly string[];
  readonly setAside: readonly string[];
  /** What to do about the problems, as a person would be told; empty when there is none. */
  readonly advice: readonly string[];
}

class Verification {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #layout: Layout;
  readonly #restore: Partial<Restore>;
  readonly problems: VerifyProblem[] = [];
  readonly snapshots: SnapshotInfo[] = [];
  readonly segments: VerifiedSegment[] = [];
  knownSeq = 0;

  constructor(storage: Storage, directory: string, layout: Layout, restore: Partial<Restore>) {
    this.#storage = storage;
    this.#directory = directory;
    this.#layout = layout;
    this.#restore = restore;
  }

  /** Checks every snapshot and returns the newest good one, which the log is measured by. */
  async checkSnapshots(): Promise<LogBase> {
    let base: LogBase = { seq: 0, storeId: undefined, file: undefined, closed: await this.#checkEndMark() };
    for (const file of this.#layout.snapshots) {
      this.knownSeq = Math.max(this.knownSeq, file.seq);
      const newest = file === this.#layout.snapshots.at(-1);
      const { snapshotBlock } = this.#restore;
      try {
        const { info, storeId } = await scanSnapshot(this.#storage, file, {
          ...(newest && snapshotBlock !== undefined ? { block: snapshotBlock.bind(this.#restore) } : {}),
          progress: (bytesDone) => this.#progress('snapshot', file, bytesDone),
        });
        this.snapshots.push(info);
        base = { ...base, seq: file.seq, storeId, file: file.path };
        if (newest) this.#restore.snapshotEnd?.(info);
      } catch (error) {
        this.#refused(error, file, newest);
      }
    }
    return base;
  }

  async #checkEndMark(): Promise<LogBase['closed']> {
    try {
      return await readClosed(this.#storage, this.#directory);
    } catch (error) {
      this.#refused(error, undefined, true);
      return undefined;
    }
  }

  /**
   * Checks segments that don't take part in opening: the newest snapshot holds what they do, or damage cut them off. A
   * crash during the removal of old segments may leave holes before the older snapshot, which mean nothing.
   */
  async checkApart(files: readonly SequencedFile[], next: SequencedFile | undefined): Promise<void> {
    for (const [index, file] of files.entries()) {
      try {
        const scan = await scanSegment(this.#storage, file, {
          progress: (bytes) => this.#progress('log', file, bytes),
        });
        this.#add(scan);
        const follower = files[index + 1] ?? next;
        const short = follower !== undefined && scan.lastSeq + 1 < follower.seq;
        const needed = this.snapshots.at(-2)?.seq ?? 0;
        const leftover = scan.end === 'rotated' && follower !== undefined && follower.seq <= needed + 1;
        if (scan.end !== 'damaged' && (!short || leftover)) continue;
        const code = scan.end === 'rotated' || scan.end === 'closed' ? 'LOG_GAP' : 'LOG_CORRUPT';
        const toSeq = Math.max(scan.knownSeq, (follower?.seq ?? 0) - 1);
        const where = { offset: scan.endOffset, fromSeq: scan.lastSeq + 1, toSeq, fatal: false };
        this.problem(code, file.path, scan.reason ?? 'the segment that follows is missing', where);
      } catch (error) {
        this.#refused(error, file, false);
      }
    }
  }

  /** Checks that the log reaches back to the older snapshot, so that it can stand in for the newest. */
  checkFallback(): void {
    const [older, first] = [this.snapshots.at(-2), this.#layout.segments[0]];
    if (older === undefined || first === undefined || first.seq <= older.seq + 1) return;
    const reason = `the log does not reach back to the older snapshot, of ${older.seq}`;
    const where = { offset: 0, fromSeq: older.seq + 1, toSeq: first.seq - 1, fatal: false };
    this.problem('LOG_GAP', first.path, reason, where);
  }

  /** Checks the segments that opening would read. */
  async checkLog(base: LogBase): Promise<LogScan | undefined> {
    const { record } = this.#restore;
    try {
      const log = await scanLog(this.#storage, this.#layout, base, {
        ...(record === undefined ? {} : { record: record.bind(this.#restore) }),
        progress: () =>
          this.#restore.progress?.({ phase: 'log', bytesDone: 0, bytesTotal: 0, seq: base.seq }),
      });
      for (const scan of log.scans) this.#add(scan);
      if (log.damage !== undefined) {
        const { code } = damageError(log.damage);
        const { file, offset, fromSeq, toSeq, reason } = log.damage;
        this.knownSeq = Math.max(this.knownSeq, toSeq);
        this.problem(code as VerifyProblem['code'], file, reason, { offset, fromSeq, toSeq, fatal: true });
      }
      return log;
    } catch (error) {
      this.#refused(error, undefined, true);
      return undefined;
    }
  }

  problem(
    code: VerifyProblem['code'],
    file: string,
    reason: string,
    rest: { offset?: number; fromSeq?: number; toSeq?: number; fatal: boolean },
  ): void {
    const { offset, fromSeq, toSeq, fatal } = rest;
    this.problems.push({ code, file, offset, fromSeq, toSeq, reason, fatal });
  }

  #add(scan: SegmentScan): void {
    const { file, lastSeq, batches, end } = scan;
    this.knownSeq = Math.max(this.knownSeq, scan.knownSeq, lastSeq);
    this.segments.push({ file: file.path, firstSeq: file.seq, lastSeq, batches, bytes: file.bytes, end });
  }

  /** Notes a file that can't be read at all; other errors are not about the store. */
  #refused(error: unknown, file: SequencedFile | undefined, fatal: boolean): void {
    const code = errorCode(error);
    if (
      !(error instanceof MusterError) ||
      (code !== 'SNAPSHOT_CORRUPT' && code !== 'LOG_CORRUPT' && code !== 'STORE_VERSION')
    )
      throw error;
    const { offset, file: named } = error.details;
    this.problem(code, file?.path ?? String(named), error.message, {
      ...(typeof offset === 'number' ? { offset } : {}),
      ...(file === undefined ? {} : { fromSeq: file.seq, toSeq: file.seq }),
      fatal,
    });
  }

  #progress(phase: LoadProgress['phase'], file: SequencedFile, bytesDone: number): void | Promise<void> {
    return this.#restore.progress?.({ phase, bytesDone, bytesTotal: file.bytes, seq: file.seq });
  }
}

/** What repairing would end with; a lower bound. */
function recoverable(base: LogBase, log: LogScan | undefined): number | undefined {
  if (log === undefined || log.damage?.kind === 'start') return undefined;
  return Math.max(base.seq, log.lastSeq);
}

function adviceFor(
  problems: readonly VerifyProblem[],
  recoverableSeq: number | undefined,
  knownSeq: number,
): readonly string[] {
  if (problems.length === 0) return [];
  const codes = new Set(problems.map((problem) => problem.code));
  const advice: string[] = [];
  if (codes.has('STORE_VERSION'))
    advice.push('Use the version of Muster that wrote the store, or a newer one.');
  if (codes.has('STORE_INCOMPLETE'))
    advice.push('Copy again with `muster registry backup`, to another directory.');
  if (!problems.some((problem) => problem.fatal)) {
    advice.push('The store opens as it is: newer files make up for the damage. Take a backup now.');
  } else if (recoverableSeq !== undefined) {
    const lost = Math.max(0, knownSeq - recoverableSeq);
    advice.push(
      'Restore the newest backup if it holds more, or start once with `muster registry serve --recover`: the state ' +
        `ends with record ${recoverableSeq}, and ${lost} later records that are known of are lost. Damaged files are kept.`,
    );
  } else if (!codes.has('STORE_VERSION') && !codes.has('STORE_INCOMPLETE')) {
    advice.push('Records are missing that nothing here replaces: restore the newest backup.');
  }
  return advice;
}

/**
 * Checks a store without changing it: every snapshot, every segment, every batch and record. `restore` may take the
 * contents, as at opening, to check what they mean; its `progress` is called throughout. For a store that is being
 * written to, check a copy.
 *
 * @throws errors of the storage; damage is reported, not thrown
 */
export async function verifyLog(
  storage: Storage,
  directory: string,
  restore: Partial<Restore> = {},
): Promise<VerifyReport> {
  const layout = await readLayout(storage, directory);
  const check = new Verification(storage, directory, layout, restore);
  if (layout.incomplete) {
    check.problem('STORE_INCOMPLETE', directory, 'a copy that was not finished', { fatal: true });
  }
  for (const file of layout.foreign) {
    check.problem('STORE_FOREIGN', file, 'not part of the store', { fatal: true });
  }
  const base = await check.checkSnapshots();
  const start = Math.max(0, firstNeeded(layout.segments, base.seq));
  await check.checkApart(layout.segments.slice(0, start), layout.segments[start]);
  check.checkFallback();
  const log = await check.checkLog(base);
  const reached = start + (log?.scans.length ?? 0);
  await check.checkApart(layout.segments.slice(reached), undefined);
  const recoverableSeq = recoverable(base, log);
  const tail = log?.scans.at(-1);
  return {
    ok: check.problems.length === 0,
    opens: !check.problems.some((problem) => problem.fatal),
    recoverableSeq,
    knownSeq: check.knownSeq,
    tornBytes: log?.damage === undefined && tail?.end === 'torn' ? tail.file.bytes - tail.endOffset : 0,
    snapshots: check.snapshots,
    segments: check.segments,
    problems: check.problems,
    temporary: layout.temporary,
    setAside: layout.setAside,
    advice: adviceFor(check.problems, recoverableSeq, check.knownSeq),
  };
}
