import type { Clock, MusterError, Random, Storage, Timers } from '@muster/core';
import type { SegmentWriter } from './segment-writer.ts';
import type { SnapshotInfo } from './snapshot-file.ts';

/**
 * When a record counts as durable.
 *
 * - `strict`: after its own write and sync; one batch per `append`.
 * - `batch`: after the write and sync that it shares with what was appended meanwhile. As safe as `strict`.
 * - `async`: when the system has taken it; synced every second. The end of the process loses nothing; a power cut
 *   or a crash of the machine loses up to the last second (longer if the sync itself takes longer).
 */
export type Durability = 'strict' | 'batch' | 'async';

/** One record to append. */
export interface LogEntry {
  /** 0 to 255; means what the caller wants. */
  readonly type: number;
  /** Copied during the call. */
  readonly payload: Uint8Array;
}

export interface LogOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** The store: the log is in `log/` below it, snapshots are in `snapshots/`. Created where missing. */
  readonly directory: string;
  /** @default 'batch' */
  readonly durability?: Durability;
  /** A segment that has reached this is followed by a new one. @default 64 MiB */
  readonly segmentBytes?: number;
  /** Larger payloads are refused at append. @default 1 MiB */
  readonly maxRecordBytes?: number;
  /**
   * How much may wait to be written. From half of it on `congested` is true; an `append` that would go beyond it is
   * refused. @default 64 MiB
   */
  readonly maxPendingBytes?: number;
  /** Says when to start writing after the first append to an idle log. @default after the current loop turn's I/O */
  readonly schedule?: (flush: () => void) => void;
  /** Called once per commit, when `durableSeq` has moved. Must not throw. */
  readonly onDurable?: (seq: number) => void;
  /** Called once, at the first failure: stop acknowledging, say so, and exit. */
  readonly onFatal: (error: MusterError) => void;
  /** Repair what damage can be repaired safely before opening; damaged files are kept beside. @default false */
  readonly recover?: boolean;
}

/** What the log did so far and how large it is. */
export interface LogStats {
  readonly appendedSeq: number;
  readonly durableSeq: number;
  /** First sequence number that the log still has. */
  readonly firstSeq: number;
  readonly segments: number;
  /** Bytes of all segments, without what is preallocated. */
  readonly logBytes: number;
  /** Bytes of records appended since the newest snapshot, or since opening; the measure for the next snapshot. */
  readonly bytesSinceSnapshot: number;
  readonly recordsSinceSnapshot: number;
  readonly pendingBytes: number;
  readonly batches: number;
  readonly bytesWritten: number;
  readonly syncs: number;
  /** Milliseconds since the epoch of the last sync; undefined before the first. */
  readonly lastSyncAt: number | undefined;
  readonly lastSyncDurationMs: number;
  readonly maxSyncDurationMs: number;
  readonly lastSnapshot: SnapshotInfo | undefined;
  readonly failed: boolean;
}

/** Where a log goes on: what recovery found. */
export interface LogStart {
  readonly writer: SegmentWriter;
  readonly storeId: Buffer;
  readonly lastSeq: number;
  readonly segments: readonly { readonly seq: number; readonly path: string; readonly bytes: number }[];
  /** Sequence numbers of the snapshots, oldest first. */
  readonly snapshots: readonly number[];
  readonly newestSnapshot: SnapshotInfo | undefined;
  /** Bytes of records that the newest snapshot does not hold. */
  readonly replayedBytes: number;
}
