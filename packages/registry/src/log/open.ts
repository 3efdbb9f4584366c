import type { MusterError, Storage } from '@muster/core';
import { afterTurn } from './adapters/schedule.ts';
import { removeEndMark } from './end-mark.ts';
import { logErrors } from './errors.ts';
import { STORE_ID_BYTES } from './format.ts';
import { logDirectory, readLayout, removeIfThere, snapshotDirectory } from './layout.ts';
import type { Layout } from './layout.ts';
import { Log } from './log.ts';
import type { LogOptions } from './log-options.ts';
import { damageError, readClosed, scanLog } from './recovery.ts';
import type { LogBase, LogScan } from './recovery.ts';
import { repairStore } from './repair.ts';
import type { Repair } from './repair.ts';
import type { SegmentScan } from './segment-reader.ts';
import { sealFile, SegmentWriter } from './segment-writer.ts';
import { scanSnapshot } from './snapshot-file.ts';
import type { SnapshotInfo } from './snapshot-file.ts';

const REWRITE_BYTES = 1024 * 1024;

/** How far loading has come. */
export interface LoadProgress {
  readonly phase: 'snapshot' | 'log';
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly seq: number;
}

/**
 * Takes what a store holds, in order: the blocks of the newest snapshot, its end, the records behind it. Bytes are
 * valid only during the call: the buffer is used again.
 */
export interface Restore {
  snapshotBlock(kind: number, bytes: Uint8Array): void;
  snapshotEnd?(info: SnapshotInfo): void;
  record(seq: number, type: number, payload: Uint8Array): void;
  /** Called about every 2 MiB; a promise is awaited, so that a long load can let others run. */
  progress?(progress: LoadProgress): void | Promise<void>;
}

/** What opening found and did. */
export interface RecoveryReport {
  /** The store is new. */
  readonly created: boolean;
  readonly snapshot: SnapshotInfo | undefined;
  readonly lastSeq: number;
  /** Records behind the snapshot. */
  readonly replayedRecords: number;
  /** Bytes of their payloads. */
  readonly replayedBytes: number;
  /** The log was closed in order. */
  readonly cleanEnd: boolean;
  /** The unfinished write that was cut off; none of it was ever called durable. */
  readonly torn:
    | { readonly file: string; readonly offset: number; readonly bytes: number; readonly reason: string }
    | undefined;
  /** Unfinished files that were removed. */
  readonly removed: readonly string[];
  /** Damaged files that earlier repairs kept in the store. */
  readonly setAside: readonly string[];
  /** What `recover` did, in order. */
  readonly repairs: readonly Repair[];
  readonly snapshotMs: number;
  readonly logMs: number;
}

/** What else may be opened. */
export interface OpenConditions {
  /** Open a store that is marked as unfinished: for the one who is still filling it. @default false */
  readonly unfinished?: boolean;
}

function foreignError(layout: Layout): MusterError {
  const [file] = layout.foreign;
  return logErrors.create('STORE_FOREIGN', `${file} is not part of the store`, {
    details: { file, files: layout.foreign },
  });
}

/** Lists a store, refusing one that must not be touched. Changes nothing. */
async function inspect(options: LogOptions & OpenConditions): Promise<Layout> {
  const layout = await readLayout(options.storage, options.directory);
  if (layout.incomplete && options.unfinished !== true) {
    throw logErrors.create('STORE_INCOMPLETE', `${options.directory} is an unfinished copy`, {
      details: { directory: options.directory },
    });
  }
  if (layout.foreign.length > 0 && options.recover !== true) throw foreignError(layout);
  return layout;
}

interface Loaded {
  readonly base: LogBase;
  readonly snapshot: SnapshotInfo | undefined;
  readonly log: LogScan;
  readonly records: number;
  readonly bytes: number;
  readonly snapshotMs: number;
  readonly logMs: number;
}

/** Reads everything that counts into `restore`. Changes nothing. */
async function load(options: LogOptions, layout: Layout, restore: Restore): Promise<Loaded> {
  const { storage, clock } = options;
  const started = clock.monotonic();
  const closed = await readClosed(storage, options.directory);
  let base: LogBase = { seq: 0, storeId: undefined, file: undefined, closed };
  let snapshot: SnapshotInfo | undefined;
  const newest = layout.snapshots.at(-1);
  if (newest !== undefined) {
    const total = { phase: 'snapshot', bytesTotal: newest.bytes, seq: newest.seq } as const;
    const found = await scanSnapshot(storage, newest, {
      block: (kind, bytes) => restore.snapshotBlock(kind, bytes),
      progress: (bytesDone) => restore.progress?.({ ...total, bytesDone }),
    });
    snapshot = found.info;
    base = { seq: newest.seq, storeId: found.storeId, file: newest.path, closed };
    restore.snapshotEnd?.(snapshot);
  }
  const middle = clock.monotonic();
  const bytesTotal = layout.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let records = 0;
  let bytes = 0;
  let seq = base.seq;
  const log = await scanLog(storage, layout, base, {
    record(number, type, payload) {
      records++;
      bytes += payload.length;
      seq = number;
      restore.record(number, type, payload);
    },
    progress: () => restore.progress?.({ phase: 'log', bytesDone: bytes, bytesTotal, seq }),
  });
  if (log.damage !== undefined) throw damageError(log.damage);
  const logMs = clock.monotonic() - middle;
  return { base, snapshot, log, records, bytes, snapshotMs: middle - started, logMs };
}

/**
 * Makes the end of the last segment certain: what no later batch proves to be on the disk is written again (a sync of
 * it may have failed, and then only the system's memory has it), and what is behind is cut.
 */
async function settleTail(storage: Storage, tail: SegmentScan): Promise<void> {
  const file = await storage.open(tail.file.path, 'write');
  try {
    for (let at = tail.unprovenOffset; at < tail.endOffset; at += REWRITE_BYTES) {
      await file.write(at, await file.read(at, Math.min(REWRITE_BYTES, tail.endOffset - at)));
    }
    await file.truncate(tail.endOffset);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Marks an older segment as followed by another. */
async function sealBefore(storage: Storage, scan: SegmentScan): Promise<void> {
  if (scan.end === 'rotated' || scan.header === undefined) return;
  const file = await storage.open(scan.file.path, 'write');
  try {
    await sealFile(file, scan.endOffset, scan.header.seed, scan.chain, 'rotated', scan.lastSeq + 1);
  } finally {
    await file.close();
  }
}

/** Begins a new segment behind what was found. */
async function resume(
  options: LogOptions,
  loaded: Loaded,
): Promise<{ writer: SegmentWriter; storeId: Buffer }> {
  const { storage, clock, random } = options;
  const { scans } = loaded.log;
  const tail = scans.at(-1);
  const unclean = tail !== undefined && (tail.end === 'open' || tail.end === 'torn');
  const reused = tail !== undefined && tail.batches === 0;
  if (unclean && !reused) await settleTail(storage, tail);
  const storeId = loaded.base.storeId ?? tail?.header?.storeId ?? Buffer.from(random.bytes(STORE_ID_BYTES));
  const writer = await SegmentWriter.create(storage, logDirectory(options.directory), {
    storeId,
    firstSeq: tail === undefined ? 1 : tail.lastSeq + 1,
    createdAt: clock.now(),
    previous: reused ? tail.header?.previous : tail?.chain,
  });
  const before = reused ? scans.at(-2) : tail;
  if (before !== undefined) await sealBefore(storage, before);
  if (loaded.base.closed !== undefined) await removeEndMark(storage, options.directory);
  return { writer, storeId };
}

async function prepareDirectories(options: LogOptions, layout: Layout): Promise<void> {
  const { storage, directory } = options;
  await storage.makeDirectory(logDirectory(directory));
  await storage.makeDirectory(snapshotDirectory(directory));
  for (const path of layout.temporary) await removeIfThere(storage, path);
}

/**
 * Opens a store, new or old, and hands what it holds to `restore` (README, "Recovery"). Nothing is changed before
 * everything was read and found good. The caller holds the store's lock.
 *
 * @throws LOG_CORRUPT, LOG_GAP, SNAPSHOT_CORRUPT, STORE_VERSION, STORE_FOREIGN, STORE_INCOMPLETE; errors of the system
 */
export async function openLog(
  options: LogOptions & OpenConditions,
  restore: Restore,
): Promise<{ log: Log; report: RecoveryReport }> {
  let layout = await inspect(options);
  let repairs: readonly Repair[] = [];
  if (options.recover === true) {
    repairs = await repairStore(options);
    layout = await inspect(options);
  }
  const loaded = await load(options, layout, restore);
  await prepareDirectories(options, layout);
  const { writer, storeId } = await resume(options, loaded);
  const log = new Log(
    { ...options, schedule: options.schedule ?? afterTurn },
    {
      writer,
      storeId,
      lastSeq: loaded.log.lastSeq,
      segments: layout.segments.filter((segment) => segment.path !== writer.path),
      snapshots: layout.snapshots.map((snapshot) => snapshot.seq),
      newestSnapshot: loaded.snapshot,
      replayedBytes: loaded.bytes,
    },
  );
  return { log, report: reportOf(layout, loaded, repairs) };
}

function reportOf(layout: Layout, loaded: Loaded, repairs: readonly Repair[]): RecoveryReport {
  const tail = loaded.log.scans.at(-1);
  const torn =
    tail?.end === 'torn'
      ? {
          file: tail.file.path,
          offset: tail.endOffset,
          bytes: tail.file.bytes - tail.endOffset,
          reason: tail.reason ?? 'unfinished write',
        }
      : undefined;
  return {
    created: tail === undefined,
    snapshot: loaded.snapshot,
    lastSeq: loaded.log.lastSeq,
    replayedRecords: loaded.records,
    replayedBytes: loaded.bytes,
    cleanEnd: tail === undefined || loaded.base.closed !== undefined,
    torn,
    removed: layout.temporary,
    setAside: layout.setAside,
    repairs,
    snapshotMs: loaded.snapshotMs,
    logMs: loaded.logMs,
  };
}
