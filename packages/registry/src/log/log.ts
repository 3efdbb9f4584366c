/**
 * The write-ahead log.
 *
 * Fault model: any write, sync, rename or truncation may fail, and the machine may stop at any moment; then unsynced
 * writes are there, not there, torn or in any order. What {@link Log.durableSeq} has reached is recovered all the
 * same, in order and unaltered, with at most some records behind it that were never called durable. After the first
 * failure nothing is written, synced or called durable any more.
 */
import type { MusterError, TimerHandle } from '@muster/core';
import { Batch } from './batch.ts';
import { writeEndMark } from './end-mark.ts';
import { logErrors } from './errors.ts';
import { logDirectory } from './layout.ts';
import type { Durability, LogEntry, LogOptions, LogStart, LogStats } from './log-options.ts';
import { SegmentWriter } from './segment-writer.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { SnapshotBlock, SnapshotInfo } from './snapshot-file.ts';
import { Waiters } from './waiters.ts';

const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
const DEFAULT_RECORD_BYTES = 1024 * 1024;
const DEFAULT_PENDING_BYTES = 64 * 1024 * 1024;
/** A batch takes no more appends beyond this; one append may be larger. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** Buffers up to this size, and this many, are kept for later batches. */
const KEPT_BUFFER_BYTES = 8 * 1024 * 1024;
const KEPT_BUFFERS = 4;
const ASYNC_SYNC_INTERVAL_MS = 1000;

/** The log of one store. Made by `openLog`. */
export class Log {
  readonly #options: LogOptions & { readonly schedule: (flush: () => void) => void };
  readonly #durability: Durability;
  readonly #segmentBytes: number;
  readonly #maxRecordBytes: number;
  readonly #maxPendingBytes: number;
  readonly #storeId: Buffer;
  readonly #snapshots: SnapshotStore;
  readonly #queue: Batch[] = [];
  readonly #spare: Batch[] = [];
  readonly #durable = new Waiters();
  readonly #synced = new Waiters();
  #writer: SegmentWriter;
  #appendedSeq: number;
  #durableSeq: number;
  #syncedSeq: number;
  #pendingBytes = 0;
  #scheduled = false;
  #pumping: Promise<void> | undefined;
  #syncWanted = false;
  #state: 'open' | 'closing' | 'closed' | 'failed' = 'open';
  #failure: MusterError | undefined;
  #closed: Promise<void> | undefined;
  #snapshotting: Promise<void> | undefined;
  #syncTimer: TimerHandle | undefined;
  #batches = 0;
  #bytesWritten = 0;
  #syncs = 0;
  #lastSyncAt: number | undefined;
  #lastSyncMs = 0;
  #maxSyncMs = 0;
  #bytesSinceSnapshot: number;

  constructor(options: LogOptions & { readonly schedule: (flush: () => void) => void }, start: LogStart) {
    this.#options = options;
    this.#durability = options.durability ?? 'batch';
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#maxRecordBytes = options.maxRecordBytes ?? DEFAULT_RECORD_BYTES;
    this.#maxPendingBytes = options.maxPendingBytes ?? DEFAULT_PENDING_BYTES;
    this.#storeId = start.storeId;
    this.#writer = start.writer;
    this.#appendedSeq = start.lastSeq;
    this.#durableSeq = start.lastSeq;
    this.#syncedSeq = start.lastSeq;
    this.#bytesSinceSnapshot = start.replayedBytes;
    this.#snapshots = new SnapshotStore(options, start);
    if (this.#durability === 'async') {
      this.#syncTimer = options.timers.every(ASYNC_SYNC_INTERVAL_MS, () => this.#requestSync());
    }
  }

  /** The store's own number, 16 bytes, made when it was created. */
  get storeId(): Uint8Array {
    return this.#storeId;
  }

  get appendedSeq(): number {
    return this.#appendedSeq;
  }

  /** Every record up to this one survives what the durability promises to survive. Never goes back. */
  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** True while more than half of `maxPendingBytes` waits: take no more requests until `onDurable` finds it false. */
  get congested(): boolean {
    return this.#pendingBytes > this.#maxPendingBytes / 2;
  }

  /**
   * Appends records that are recovered either all or not at all. They are copied; the caller may reuse its buffers.
   *
   * @returns the sequence number of the last one.
   * @throws LOG_RECORD_TOO_LARGE, LOG_CONGESTED (nothing was appended), LOG_FAILED, LOG_CLOSED
   */
  append(entries: readonly LogEntry[]): number {
    let bytes = 0;
    for (const entry of entries) {
      this.#check(entry.type, entry.payload.length);
      bytes += entry.payload.length;
    }
    if (entries.length === 0) return this.#appendedSeq;
    const batch = this.#batchFor(bytes);
    const before = batch.length;
    for (const entry of entries) batch.add(entry.type, entry.payload);
    return this.#added(batch, entries.length, batch.length - before);
  }

  /** {@link append} of one record, without an array. */
  appendOne(type: number, payload: Uint8Array): number {
    this.#check(type, payload.length);
    const batch = this.#batchFor(payload.length);
    const before = batch.length;
    batch.add(type, payload);
    return this.#added(batch, 1, batch.length - before);
  }

  /** Resolves when `durableSeq` has reached `seq`. @throws LOG_FAILED */
  async whenDurable(seq: number): Promise<void> {
    if (seq <= this.#durableSeq) return;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#durable.wait(seq);
  }

  /**
   * Writes a snapshot: the state as of `seq`, in blocks that the caller makes as they are asked for. Appends go on
   * meanwhile. When it is durable, snapshots but the newest two are removed, and segments that neither needs.
   * One at a time; closing the log breaks it off. A failure before the snapshot has its name leaves the log as it is.
   *
   * @throws SNAPSHOT_FAILED, LOG_FAILED, and whatever `blocks` throws, as the cause of SNAPSHOT_FAILED
   */
  async writeSnapshot(source: {
    readonly seq: number;
    readonly blocks: Iterable<SnapshotBlock> | AsyncIterable<SnapshotBlock>;
  }): Promise<SnapshotInfo> {
    this.#refuseUnlessOpen();
    if (source.seq > this.#appendedSeq)
      throw new RangeError(`snapshot of ${source.seq}, which was not appended`);
    const written = this.#writeSnapshot(source);
    // Closing waits for it; its failure is the caller's to handle.
    this.#snapshotting = written.then(
      () => undefined,
      () => undefined,
    );
    return written;
  }

  async #writeSnapshot(source: {
    readonly seq: number;
    readonly blocks: Iterable<SnapshotBlock> | AsyncIterable<SnapshotBlock>;
  }): Promise<SnapshotInfo> {
    const bytesBefore = this.#bytesSinceSnapshot;
    const temporary = await this.#snapshots.write(source);
    await this.#whenSynced(source.seq);
    try {
      await this.#snapshots.publish(temporary);
    } catch (error) {
      throw this.#fail('naming a snapshot', error);
    }
    this.#bytesSinceSnapshot -= Math.min(bytesBefore, this.#bytesSinceSnapshot);
    await this.#snapshots.removeObsolete();
    return temporary.info;
  }

  stats(): LogStats {
    const lastSnapshot = this.#snapshots.newest;
    const { segments } = this.#snapshots;
    return {
      appendedSeq: this.#appendedSeq,
      durableSeq: this.#durableSeq,
      firstSeq: segments[0]?.seq ?? this.#writer.firstSeq,
      segments: segments.length,
      logBytes: segments.reduce((sum, segment) => sum + segment.bytes, 0) + this.#writer.position,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
      recordsSinceSnapshot: this.#appendedSeq - (lastSnapshot?.seq ?? 0),
      pendingBytes: this.#pendingBytes,
      batches: this.#batches,
      bytesWritten: this.#bytesWritten,
      syncs: this.#syncs,
      lastSyncAt: this.#lastSyncAt,
      lastSyncDurationMs: this.#lastSyncMs,
      maxSyncDurationMs: this.#maxSyncMs,
      lastSnapshot,
      failed: this.#failure !== undefined,
    };
  }

  /**
   * Writes what is pending, marks a clean end and closes. After a failure it only lets go of the file. Repeated calls
   * have the outcome of the first.
   *
   * @throws LOG_FAILED, now or before
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#syncTimer?.cancel();
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#snapshots.abort();
      await this.#snapshotting;
      this.#requestSync();
      while (this.#pumping !== undefined) await this.#pumping;
    }
    try {
      if (this.#failure === undefined) await this.#end();
      else await this.#writer.close();
    } catch (error) {
      if (this.#failure === undefined) this.#fail('closing', error);
    }
    this.#state = 'closed';
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #end(): Promise<void> {
    const { storage, directory } = this.#options;
    await this.#writer.seal('closed', this.#appendedSeq + 1);
    await writeEndMark(storage, directory, { storeId: this.#storeId, lastSeq: this.#appendedSeq });
  }

  #check(type: number, bytes: number): void {
    if ((type & 0xff) !== type) throw new RangeError(`record type ${type} is not from 0 to 255`);
    if (bytes <= this.#maxRecordBytes) return;
    throw logErrors.create(
      'LOG_RECORD_TOO_LARGE',
      `record of ${bytes} bytes, at most ${this.#maxRecordBytes} are allowed`,
      { details: { bytes, maxRecordBytes: this.#maxRecordBytes } },
    );
  }

  #refuseUnlessOpen(): void {
    if (this.#state === 'open') return;
    if (this.#failure !== undefined) throw this.#failure;
    throw logErrors.create('LOG_CLOSED', 'the log is closed');
  }

  /** The batch that takes the next append. */
  #batchFor(bytes: number): Batch {
    this.#refuseUnlessOpen();
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#maxPendingBytes) {
      throw logErrors.create('LOG_CONGESTED', `${this.#pendingBytes} bytes wait to be written`, {
        details: { pendingBytes: this.#pendingBytes, maxPendingBytes: this.#maxPendingBytes },
      });
    }
    const last = this.#queue.at(-1);
    if (last !== undefined && this.#durability !== 'strict' && last.length + bytes <= BATCH_BYTES)
      return last;
    const batch = this.#spare.pop() ?? new Batch();
    batch.reset(this.#appendedSeq + 1);
    this.#queue.push(batch);
    return batch;
  }

  #added(batch: Batch, count: number, bytes: number): number {
    this.#appendedSeq = batch.lastSeq;
    if (count === batch.count) bytes = batch.length;
    this.#pendingBytes += bytes;
    this.#bytesSinceSnapshot += bytes;
    this.#kick();
    return this.#appendedSeq;
  }

  #kick(): void {
    if (this.#scheduled || this.#pumping !== undefined) return;
    this.#scheduled = true;
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.#startPump();
    });
  }

  #requestSync(): void {
    this.#syncWanted = true;
    this.#startPump();
  }

  #startPump(): void {
    if (this.#pumping !== undefined || this.#failure !== undefined) return;
    this.#pumping = this.#run();
  }

  async #run(): Promise<void> {
    do await this.#pump();
    while ((this.#queue.length > 0 || this.#syncWanted) && this.#failure === undefined);
    this.#pumping = undefined;
  }

  /** Writes batches until none waits. The only place that touches the segment while the log is open. */
  async #pump(): Promise<void> {
    try {
      for (;;) {
        const batch = this.#queue.shift();
        if (batch === undefined) {
          if (!this.#syncWanted) break;
          await this.#sync(this.#durableSeq);
        } else {
          await this.#commit(batch);
        }
      }
    } catch (error) {
      this.#fail('writing the log', error);
    }
  }

  async #commit(batch: Batch): Promise<void> {
    if (this.#writer.hasBatches && this.#writer.position + batch.length > this.#segmentBytes) {
      await this.#rotate();
    }
    this.#bytesWritten += await this.#writer.write(batch, this.#syncedSeq);
    const seq = batch.lastSeq;
    if (this.#durability !== 'async' || this.#syncWanted) await this.#sync(seq);
    this.#batches++;
    this.#pendingBytes -= batch.length;
    this.#recycle(batch);
    if (this.#failure !== undefined) return;
    this.#durableSeq = seq;
    this.#durable.reached(seq);
    this.#options.onDurable?.(seq);
  }

  #recycle(batch: Batch): void {
    if (batch.capacity > KEPT_BUFFER_BYTES || this.#spare.length >= KEPT_BUFFERS) return;
    this.#spare.push(batch);
  }

  async #sync(seq: number): Promise<void> {
    this.#syncWanted = false;
    if (seq === this.#syncedSeq) return;
    const { clock } = this.#options;
    const start = clock.monotonic();
    await this.#writer.sync();
    this.#lastSyncMs = clock.monotonic() - start;
    this.#maxSyncMs = Math.max(this.#maxSyncMs, this.#lastSyncMs);
    this.#lastSyncAt = clock.now();
    this.#syncs++;
    this.#syncedSeq = seq;
    this.#synced.reached(seq);
  }

  /** The next segment exists, durably, before this one is marked as followed; all of this one is synced before that. */
  async #rotate(): Promise<void> {
    await this.#sync(this.#durableSeq);
    const old = this.#writer;
    const firstSeq = this.#durableSeq + 1;
    this.#writer = await SegmentWriter.create(this.#options.storage, logDirectory(this.#options.directory), {
      storeId: this.#storeId,
      firstSeq,
      createdAt: this.#options.clock.now(),
      previous: old.chain,
    });
    await old.seal('rotated', firstSeq);
    this.#snapshots.rotated(
      { seq: old.firstSeq, path: old.path, bytes: old.position },
      this.#writer.firstSeq,
    );
  }

  async #whenSynced(seq: number): Promise<void> {
    if (seq <= this.#syncedSeq) return;
    if (this.#failure !== undefined) throw this.#failure;
    const synced = this.#synced.wait(seq);
    this.#requestSync();
    await synced;
  }

  #fail(doing: string, cause: unknown): MusterError {
    if (this.#failure !== undefined) return this.#failure;
    const message = cause instanceof Error ? cause.message : String(cause);
    const failure = logErrors.create('LOG_FAILED', `${doing}: ${message}`, {
      cause,
      details: { file: this.#writer.path, durableSeq: this.#durableSeq, appendedSeq: this.#appendedSeq },
    });
    this.#failure = failure;
    this.#state = 'failed';
    this.#syncTimer?.cancel();
    this.#queue.length = 0;
    this.#durable.reject(failure);
    this.#synced.reject(failure);
    this.#options.onFatal(failure);
    return failure;
  }
}
