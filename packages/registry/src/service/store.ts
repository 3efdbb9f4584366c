import { join } from 'node:path';
import { type Clock, type Logger, MusterError, type Random, type Storage, type Timers } from '@muster/core';
import type { EventLog } from '../engine/engine.ts';
import type { Log } from '../log/index.ts';
import {
  type Durability,
  type LoadProgress,
  openLog,
  type RecoveryReport,
  type SnapshotInfo,
} from '../log/index.ts';
import { applyEvent } from '../model/apply.ts';
import type { Directory } from '../model/directory.ts';
import { decodeEvent } from '../model/events.ts';
import { restoreBlock, type SnapshotBlock, SnapshotCapture } from '../model/snapshot.ts';
import { encodeLastSeen, loadLastSeen, restoreLastSeen, saveLastSeen } from './last-seen-file.ts';
import { MemoryLog } from './memory-log.ts';
import { runSlices } from './slices.ts';

/** A snapshot is due when the log behind the last one has grown to this … */
const MIN_SNAPSHOT_LOG_BYTES = 16 * 1024 * 1024;
/** … and to this share of the last snapshot's size. */
const SNAPSHOT_GROWTH = 0.5;
/** Times of the last signs of life, in the data folder. */
export const LAST_SEEN_FILE = 'last-seen';

export interface StoreOptions {
  /** The data folder; undefined keeps everything in memory. */
  readonly directory: string | undefined;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly durability: Durability;
  /** Accept damage as far as it can be repaired safely. */
  readonly recover: boolean;
  readonly segmentBytes?: number;
  readonly onDurable: (seq: number) => void;
  readonly onFatal: (error: MusterError) => void;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** What is known of snapshots, for operators. */
export interface SnapshotStats {
  readonly total: number;
  readonly failed: number;
  readonly lastAtMs: number | undefined;
  readonly lastDurationMs: number;
  readonly maxDurationMs: number;
  /** The longest time that drawing one block of the last snapshot held the loop. */
  readonly longestBlockMs: number;
}

/**
 * What the registry keeps on disk: log, snapshots, and the times of the last signs of life.
 *
 * Fault model: see log/README.md. A failed write of the log stops the registry; a failed snapshot or side file is
 * logged, counted and tried again, since the log still holds everything.
 */
export class RegistryStore {
  readonly log: EventLog;
  /** undefined when everything is in memory. */
  readonly report: RecoveryReport | undefined;
  /** Called with the duration of each snapshot that was written. */
  onSnapshot: ((durationMs: number) => void) | undefined;
  readonly #options: StoreOptions;
  readonly #state: Directory;
  readonly #disk: Log | undefined;
  #generation = 1;
  #running: Promise<SnapshotInfo> | undefined;
  #stats: SnapshotStats = {
    total: 0,
    failed: 0,
    lastAtMs: undefined,
    lastDurationMs: 0,
    maxDurationMs: 0,
    longestBlockMs: 0,
  };

  private constructor(
    options: StoreOptions,
    state: Directory,
    disk: Log | undefined,
    report: RecoveryReport | undefined,
  ) {
    this.#options = options;
    this.#state = state;
    this.#disk = disk;
    this.log = disk ?? new MemoryLog();
    this.report = report;
  }

  /** Opens the store and fills `state`, which must be empty. Rejects with the coded errors of the log. */
  static async open(options: StoreOptions, state: Directory): Promise<RegistryStore> {
    const { directory, logger, timers } = options;
    if (directory === undefined) return new RegistryStore(options, state, undefined, undefined);
    const { log, report } = await openLog(
      {
        storage: options.storage,
        clock: options.clock,
        timers,
        random: options.random,
        directory,
        durability: options.durability,
        recover: options.recover,
        onDurable: options.onDurable,
        onFatal: options.onFatal,
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      },
      {
        ...restoreInto(state),
        progress: (progress) => {
          options.onProgress?.(progress);
          return timers.yield();
        },
      },
    );
    const store = new RegistryStore(options, state, log, report);
    await store.#loadLastSeen(logger);
    return store;
  }

  get snapshots(): SnapshotStats {
    return this.#stats;
  }

  /** Figures of the log; undefined in memory. */
  get logStats(): ReturnType<Log['stats']> | undefined {
    return this.#disk?.stats();
  }

  /** Resolves when event `seq` is durable; rejects when the log fails first. */
  async whenDurable(seq: number): Promise<void> {
    await this.#disk?.whenDurable(seq);
  }

  /** Whether the log has grown enough for a new snapshot (B-32). */
  get snapshotIsDue(): boolean {
    const stats = this.#disk?.stats();
    if (stats === undefined || this.#running !== undefined) return false;
    const lastBytes = stats.lastSnapshot?.bytes ?? 0;
    return stats.bytesSinceSnapshot >= Math.max(MIN_SNAPSHOT_LOG_BYTES, lastBytes * SNAPSHOT_GROWTH);
  }

  /** Writes a snapshot of the present state; joins one that is being written. Rejects when it could not be written. */
  async writeSnapshot(): Promise<SnapshotInfo | undefined> {
    if (this.#disk === undefined) return undefined;
    this.#running ??= this.#snapshot(this.#disk).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Writes the times of the last signs of life. */
  async writeLastSeen(): Promise<void> {
    const { directory, storage, clock, timers } = this.#options;
    if (directory === undefined) return;
    const bytes = await runSlices(encodeLastSeen(this.#state.nodes), clock, timers);
    await saveLastSeen(storage, join(directory, LAST_SEEN_FILE), bytes);
  }

  /** Ends writing: everything appended is durable, the times of the last signs of life are saved. */
  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    try {
      await this.writeLastSeen();
    } catch (error) {
      this.#options.logger.warn({ error }, 'last-seen times could not be saved');
    }
    await this.#disk?.close();
  }

  async #snapshot(disk: Log): Promise<SnapshotInfo> {
    const { clock, logger } = this.#options;
    const startedMs = clock.monotonic();
    let longestBlockMs = 0;
    const capture = new SnapshotCapture(this.#state, this.#generation++);
    try {
      const info = await disk.writeSnapshot({
        seq: disk.appendedSeq,
        blocks: timed(capture.blocks(), clock, (ms) => (longestBlockMs = Math.max(longestBlockMs, ms))),
      });
      const durationMs = clock.monotonic() - startedMs;
      this.#stats = {
        ...this.#stats,
        total: this.#stats.total + 1,
        lastAtMs: clock.now(),
        lastDurationMs: durationMs,
        longestBlockMs,
        maxDurationMs: Math.max(this.#stats.maxDurationMs, durationMs),
      };
      logger.info(
        { seq: info.seq, bytes: info.bytes, durationMs: Math.round(durationMs) },
        'snapshot written',
      );
      return info;
    } catch (error) {
      this.#stats = { ...this.#stats, failed: this.#stats.failed + 1 };
      logger.error({ error }, 'snapshot could not be written');
      throw error;
    } finally {
      capture.end();
    }
  }

  async #loadLastSeen(logger: Logger): Promise<void> {
    const { directory, storage } = this.#options;
    try {
      const bytes = await loadLastSeen(storage, join(directory ?? '', LAST_SEEN_FILE));
      if (bytes !== undefined) restoreLastSeen(this.#state.nodes, bytes);
    } catch (error) {
      logger.warn({ error }, 'last-seen times could not be read: nodes count as seen when last changed');
    }
  }
}

/** Handlers that put what a store holds into an empty directory; they throw on what this version does not know. */
export function restoreInto(state: Directory): {
  snapshotBlock(kind: number, bytes: Uint8Array): void;
  record(seq: number, type: number, payload: Uint8Array): void;
} {
  return {
    snapshotBlock(kind, bytes) {
      restoreBlock(state, kind, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    },
    record(seq, type, payload) {
      const event = decodeEvent(type, payload);
      if (event === undefined) {
        throw new MusterError('STORE_VERSION', `record ${seq} has the unknown type ${type}`, {
          hint: 'The store was written by a newer version of Muster: use that version.',
        });
      }
      applyEvent(state, event, seq);
    },
  };
}

/** Passes blocks on and tells how long making each one took. */
function* timed(
  blocks: Generator<SnapshotBlock>,
  clock: Clock,
  note: (elapsedMs: number) => void,
): Generator<SnapshotBlock> {
  for (;;) {
    const startedMs = clock.monotonic();
    const step = blocks.next();
    note(clock.monotonic() - startedMs);
    if (step.done === true) return;
    yield step.value;
  }
}
