import type { Clock, Storage, Timers } from '@muster/core';
import { errorCode } from '@muster/core';
import { logErrors } from './errors.ts';
import { join, logDirectory, removeIfThere, snapshotDirectory, snapshotName } from './layout.ts';
import { writeSnapshotFile } from './snapshot-file.ts';
import type { SnapshotBlock, SnapshotInfo } from './snapshot-file.ts';

/** Snapshots that are kept: the newest, and one to fall back on. */
const KEPT_SNAPSHOTS = 2;

/** A segment that is complete. */
export interface ClosedSegment {
  readonly seq: number;
  readonly path: string;
  readonly bytes: number;
}

/** A snapshot that is synced and has no name yet. */
export interface UnnamedSnapshot {
  readonly path: string;
  readonly info: SnapshotInfo;
}

/** The snapshots of a store, and the complete segments that they make dispensable. */
export class SnapshotStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #directory: string;
  readonly #storeId: Buffer;
  #newest: SnapshotInfo | undefined;
  /** Sequence numbers of the snapshots, oldest first. */
  #snapshots: number[];
  #segments: ClosedSegment[];
  #currentSeq: number;
  #busy = false;
  #aborted = false;

  constructor(
    options: { storage: Storage; clock: Clock; timers: Timers; directory: string },
    start: {
      readonly storeId: Buffer;
      readonly snapshots: readonly number[];
      readonly newestSnapshot: SnapshotInfo | undefined;
      readonly segments: readonly ClosedSegment[];
      readonly writer: { readonly firstSeq: number };
    },
  ) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#directory = options.directory;
    this.#storeId = start.storeId;
    this.#snapshots = [...start.snapshots];
    this.#newest = start.newestSnapshot;
    this.#segments = [...start.segments];
    this.#currentSeq = start.writer.firstSeq;
  }

  get newest(): SnapshotInfo | undefined {
    return this.#newest;
  }

  /** The complete segments, oldest first. */
  get segments(): readonly ClosedSegment[] {
    return this.#segments;
  }

  /** A segment is complete and `current` is being written. */
  rotated(old: ClosedSegment, currentSeq: number): void {
    this.#segments.push(old);
    this.#currentSeq = currentSeq;
  }

  /** Breaks off the snapshot that is being written, at its next block. */
  abort(): void {
    this.#aborted = true;
  }

  /** Writes and syncs a snapshot under a temporary name. @throws SNAPSHOT_FAILED, and then nothing is left of it */
  async write(source: {
    readonly seq: number;
    readonly blocks: Iterable<SnapshotBlock> | AsyncIterable<SnapshotBlock>;
  }): Promise<UnnamedSnapshot> {
    if (this.#busy) throw logErrors.create('SNAPSHOT_FAILED', 'another snapshot is being written');
    if (source.seq < (this.#newest?.seq ?? 0)) {
      throw logErrors.create('SNAPSHOT_FAILED', `snapshot of ${source.seq} is older than the newest`);
    }
    this.#busy = true;
    const path = `${join(snapshotDirectory(this.#directory), snapshotName(source.seq))}.tmp`;
    try {
      const head = { storeId: this.#storeId, seq: source.seq, createdAt: this.#clock.now() };
      await removeIfThere(this.#storage, path);
      const info = await writeSnapshotFile(
        this.#storage,
        this.#timers,
        path,
        head,
        source.blocks,
        () => this.#aborted,
      );
      return { path, info };
    } catch (cause) {
      this.#busy = false;
      await this.#discard(path);
      const message = cause instanceof Error ? cause.message : String(cause);
      throw logErrors.create('SNAPSHOT_FAILED', `snapshot of ${source.seq}: ${message}`, {
        cause,
        details: { file: path, seq: source.seq },
      });
    }
  }

  /** Removes an unfinished snapshot; if that fails too, the next start does it. */
  async #discard(path: string): Promise<void> {
    try {
      await this.#storage.remove(path);
    } catch {
      return;
    }
  }

  /** Gives a snapshot its name, durably. Its records must be synced. */
  async publish(snapshot: UnnamedSnapshot): Promise<void> {
    const directory = snapshotDirectory(this.#directory);
    await this.#storage.rename(snapshot.path, join(directory, snapshotName(snapshot.info.seq)));
    await this.#storage.syncDirectory(directory);
    this.#snapshots = this.#snapshots.filter((earlier) => earlier < snapshot.info.seq);
    this.#snapshots.push(snapshot.info.seq);
    this.#newest = snapshot.info;
    this.#busy = false;
  }

  /**
   * Removes snapshots but the newest two, and segments that the older of them does not need. A failure is left to
   * the next time: files that are still there do no harm.
   */
  async removeObsolete(): Promise<void> {
    const kept = this.#snapshots.slice(-KEPT_SNAPSHOTS);
    const needed = kept.length < KEPT_SNAPSHOTS ? 0 : (kept[0] as number);
    try {
      while (this.#snapshots.length > kept.length) {
        const name = snapshotName(this.#snapshots[0] as number);
        await removeIfThere(this.#storage, join(snapshotDirectory(this.#directory), name));
        this.#snapshots.shift();
      }
      for (;;) {
        const [oldest, next] = this.#segments;
        const end = next?.seq ?? this.#currentSeq;
        if (oldest === undefined || end > needed + 1) break;
        await removeIfThere(this.#storage, oldest.path);
        this.#segments.shift();
      }
      await this.#storage.syncDirectory(logDirectory(this.#directory));
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }
}
