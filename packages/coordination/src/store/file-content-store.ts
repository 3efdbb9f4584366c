/**
 * The verified content store (section 16): a folder of objects by digest, bounded by eviction.
 *
 * Fault model: the process may be killed at any moment, the disk may be full, slow, broken or emptied behind our back.
 * An object is visible only after its digest has matched and its bytes and its name are synced. What cannot be told is
 * STORAGE_UNAVAILABLE, never "absent" and never "present". Readers that have begun go on after eviction.
 */

import { errorCode, type Clock, type EventBus, type Logger, type Random, type Timers } from '@muster/core';
import { coordinationErrors } from '../errors.ts';
import type { CoordinationEvents } from '../events.ts';
import type { ContentStore, OpenObject } from '../parts.ts';
import type { ByteRange, Digest } from '../types.ts';
import type { StoreFile, StoreFiles } from './files.ts';
import { KeyedLock } from './keyed-lock.ts';
import { StoreLayout } from './layout.ts';
import { ObjectIndex, type IndexEntry } from './object-index.ts';
import { ObjectBody } from './object-reader.ts';
import { scanStore } from './scan.ts';
import { storageError } from './storage-error.ts';
import { FileStoreWriter, type FollowableWriter } from './store-writer.ts';
import { Sweeper, type ProviderCounter, type SweepPolicy } from './sweep.ts';
import { verifyObjects } from './verifier.ts';

/** What a store is configured with. */
export interface StoreOptions extends SweepPolicy {
  readonly verifyOnStart: 'off' | 'background' | 'full';
}

export interface StoreParts {
  /** The cache folder. */
  readonly directory: string;
  readonly files: StoreFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events?: EventBus<CoordinationEvents> | undefined;
  readonly options: StoreOptions;
}

/** Figures of a store, for metrics and status. */
export interface StoreStats {
  readonly objects: number;
  readonly usedBytes: number;
  readonly budgetBytes: number;
  readonly deferredEvictions: number;
  readonly forcedEvictions: number;
  readonly openReaders: number;
  readonly openWriters: number;
}

type RemovalReason = CoordinationEvents['store.removed']['reason'];

/** How long an object is believed to be there without asking the disk (16.3). */
const PRESENCE_LIFE_MS = 60_000;
const SWEEP_INTERVAL_MS = 60_000;

/** A content store in a folder. */
export class FileContentStore implements ContentStore {
  readonly #parts: StoreParts;
  readonly #layout: StoreLayout;
  readonly #index = new ObjectIndex();
  readonly #sweeper: Sweeper;
  readonly #locks = new KeyedLock();
  readonly #shards = new Set<string>();
  readonly #closing = new AbortController();
  readonly #writers = new Set<FileStoreWriter>();
  #openReaders = 0;
  #providers: ProviderCounter | undefined;
  #clusterSize: () => number = () => Number.POSITIVE_INFINITY;
  #unlock: () => Promise<void> = async () => {};
  #background: Promise<void> = Promise.resolve();

  private constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#layout = new StoreLayout(parts.directory);
    this.#sweeper = new Sweeper({
      index: this.#index,
      policy: parts.options,
      freeBytes: async () => parts.files.freeBytes(parts.directory),
      remove: async (digest, reason) => this.#remove(digest, reason),
      providers: () => this.#providers,
      clusterSize: () => this.#clusterSize(),
      now: () => parts.clock.monotonic(),
      yieldTurn: async () => parts.timers.yield(),
      logger: parts.logger,
    });
  }

  /**
   * Opens the folder: locks it, deletes what is unfinished or foreign, reads what is there, and brings it within the
   * budget. Rejects STORE_LOCKED, STORAGE_UNAVAILABLE.
   */
  static async open(parts: StoreParts): Promise<FileContentStore> {
    const store = new FileContentStore(parts);
    try {
      store.#unlock = await parts.files.lock(parts.directory);
      await store.#load();
    } catch (error) {
      await store.#unlock();
      throw storageError(error, 'the cache folder could not be opened');
    }
    return store;
  }

  /**
   * Begins the sweeps that come every 60 s and the verification in the background. `providers` counts who has an object;
   * without it, rarity is not checked.
   */
  start(rarity?: { readonly providers: ProviderCounter; readonly clusterSize: () => number }): void {
    if (rarity !== undefined) {
      this.#providers = rarity.providers;
      this.#clusterSize = rarity.clusterSize;
    }
    const timer = this.#parts.timers.every(SWEEP_INTERVAL_MS, () => void this.#sweeper.sweep());
    this.#closing.signal.addEventListener('abort', () => timer.cancel(), { once: true });
    if (this.#parts.options.verifyOnStart === 'background') this.#background = this.#verify(true);
  }

  /** Ends everything: writers are aborted, the lock is given up. Readers that have begun may finish. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const writer of this.#writers) await writer.abort();
    await this.#background;
    await this.#sweeper.settled();
    await this.#unlock();
  }

  /** True when the object can be opened: its file was there, with its size, at most 60 s ago. */
  async has(digest: Digest): Promise<boolean> {
    return (await this.#present(digest)) !== undefined;
  }

  async size(digest: Digest): Promise<number | undefined> {
    return (await this.#present(digest))?.size;
  }

  /**
   * The object, or a part of it; an `end` behind the object's is moved to it. Makes it the most recently used one. Rejects
   * CONTENT_NOT_FOUND, STORAGE_UNAVAILABLE, RANGE_NOT_SATISFIABLE.
   */
  async open(digest: Digest, range?: ByteRange): Promise<OpenObject> {
    const entry = this.#index.get(digest);
    if (entry === undefined) throw notFound(digest);
    const { size } = entry;
    if (range !== undefined && (range.start >= size || range.start > range.end || range.start < 0)) {
      throw coordinationErrors.create('RANGE_NOT_SATISFIABLE', 'the range is not in the object', {
        details: { digest, size },
      });
    }
    const file = await this.#openFile(entry);
    entry.checkedAt = this.#parts.clock.monotonic();
    this.#index.touch(digest);
    this.#openReaders += 1;
    const end = Math.min(range?.end ?? size - 1, size - 1);
    const body = new ObjectBody(file, range?.start ?? 0, end, () => {
      this.#openReaders -= 1;
    });
    return { size, body };
  }

  /**
   * The first bytes of an object, at most `length`, without making it more recently used. Undefined when it is not here.
   * Rejects STORAGE_UNAVAILABLE.
   */
  async peek(digest: Digest, length: number): Promise<Uint8Array | undefined> {
    const entry = this.#index.get(digest);
    if (entry === undefined) return undefined;
    let file: StoreFile;
    try {
      file = await this.#openFile(entry);
    } catch (error) {
      if (errorCode(error) === 'CONTENT_NOT_FOUND') return undefined;
      throw error;
    }
    try {
      const target = new Uint8Array(Math.min(length, entry.size));
      return target.subarray(0, await file.read(0, target));
    } catch (error) {
      throw storageError(error, 'an object could not be read');
    } finally {
      await file.close();
    }
  }

  /** Begins to write an object. With a size, room is made for it first. Rejects STORAGE_UNAVAILABLE. */
  async writer(digest: Digest, hint: { readonly size?: number } = {}): Promise<FollowableWriter> {
    if (this.#closing.signal.aborted) {
      throw coordinationErrors.create('SHUTTING_DOWN', 'the content store is closed');
    }
    const { files, random } = this.#parts;
    if (hint.size !== undefined) await this.#reserve(hint.size);
    const path = this.#layout.temporaryPath(random.bytes(16));
    let file: StoreFile;
    try {
      file = await files.create(path);
    } catch (error) {
      throw storageError(error, 'no temporary file could be created');
    }
    const writer: FileStoreWriter = new FileStoreWriter({
      path,
      digest,
      file,
      size: hint.size,
      home: {
        reserve: async (size) => this.#reserve(size),
        admit: async (from, of, size) => this.#admit(from, of, size),
        discard: async (unfinished) => this.#discard(unfinished),
      },
      onEnd: () => void this.#writers.delete(writer),
    });
    this.#writers.add(writer);
    return writer;
  }

  /** All objects, most recently used first. */
  inventory(): Iterable<{ readonly digest: Digest; readonly size: number }> {
    return [...this.#index.oldestFirst()].toReversed().map(({ digest, size }) => ({ digest, size }));
  }

  /** Sweeps now and waits for it, for tests and operators. */
  async sweep(): Promise<void> {
    await this.#sweeper.sweep();
  }

  /** Resolves when no sweep is running. */
  async settled(): Promise<void> {
    await this.#sweeper.settled();
  }

  stats(): StoreStats {
    return {
      objects: this.#index.count,
      usedBytes: this.#index.totalBytes,
      budgetBytes: this.#parts.options.budgetBytes,
      deferredEvictions: this.#sweeper.deferred,
      forcedEvictions: this.#sweeper.forced,
      openReaders: this.#openReaders,
      openWriters: this.#writers.size,
    };
  }

  async #load(): Promise<void> {
    const { files, logger, clock, options } = this.#parts;
    await files.makeDirectory(this.#layout.objects);
    await files.makeDirectory(this.#layout.temporary);
    for (const { digest, size } of await scanStore(files, this.#layout, logger)) {
      this.#index.add(digest, size, clock.monotonic());
      this.#shards.add(this.#layout.shardOf(digest));
    }
    if (options.verifyOnStart === 'full') await this.#verify(false);
    await this.#sweeper.sweep();
  }

  async #verify(isPaced: boolean): Promise<void> {
    const { files, timers, logger } = this.#parts;
    const digests = [...this.#index.oldestFirst()].map(({ digest }) => digest);
    await verifyObjects(
      {
        files,
        timers,
        logger,
        layout: this.#layout,
        isBusy: () => this.#openReaders > 0 || this.#writers.size > 0,
        onCorrupt: async (digest) => this.#remove(digest, 'corrupt'),
      },
      digests,
      { isPaced, signal: this.#closing.signal },
    );
  }

  async #present(digest: Digest): Promise<IndexEntry | undefined> {
    const { files, clock } = this.#parts;
    const entry = this.#index.get(digest);
    if (entry === undefined || clock.monotonic() - entry.checkedAt < PRESENCE_LIFE_MS) return entry;
    let size: number | undefined;
    try {
      size = (await files.stat(this.#layout.pathOf(digest)))?.size;
    } catch (error) {
      throw storageError(error, 'the disk cannot say whether it has the object');
    }
    if (size === entry.size) {
      entry.checkedAt = clock.monotonic();
      return entry;
    }
    await this.#drop(entry);
    return undefined;
  }

  async #openFile(entry: IndexEntry): Promise<StoreFile> {
    let file: StoreFile | undefined;
    try {
      file = await this.#parts.files.open(this.#layout.pathOf(entry.digest));
      if ((await file.size()) === entry.size) return file;
    } catch (error) {
      await file?.close();
      if (errorCode(error) !== 'ENOENT') throw storageError(error, 'an object could not be opened');
      file = undefined;
    }
    await file?.close();
    await this.#drop(entry);
    throw notFound(entry.digest);
  }

  /** Forgets an object whose file is gone or has another size; the file, if any, goes too. */
  async #drop(entry: IndexEntry): Promise<void> {
    // Unless it was written again meanwhile.
    if (this.#index.get(entry.digest) === entry) await this.#remove(entry.digest, 'vanished');
  }

  async #remove(digest: Digest, reason: RemovalReason): Promise<void> {
    await this.#locks.run(digest, async () => {
      const entry = this.#index.delete(digest);
      if (entry === undefined) return;
      try {
        await this.#parts.files.remove(this.#layout.pathOf(digest));
      } catch (error) {
        this.#parts.logger.warn({ digest, err: error }, 'an object could not be removed from the disk');
      }
      this.#parts.events?.publish('store.removed', { digest, size: entry.size, reason });
    });
  }

  async #admit(path: string, digest: Digest, size: number): Promise<boolean> {
    const { files, clock, events, options } = this.#parts;
    if (size > options.budgetBytes) {
      await this.#discard(path);
      return false;
    }
    await this.#locks.run(digest, async () => {
      const shard = this.#layout.shardOf(digest);
      if (!this.#shards.has(shard)) {
        await files.makeDirectory(shard);
        await files.syncDirectory(this.#layout.objects);
        this.#shards.add(shard);
      }
      try {
        await files.rename(path, this.#layout.pathOf(digest));
        await files.syncDirectory(shard);
      } catch (error) {
        // Somebody may have emptied the folder; the next commit makes it again.
        this.#shards.delete(shard);
        if (this.#index.get(digest) === undefined) await this.#discard(this.#layout.pathOf(digest));
        throw error;
      }
      this.#index.add(digest, size, clock.monotonic());
    });
    events?.publish('store.committed', { digest, size });
    void this.#sweeper.sweep(digest);
    return true;
  }

  async #discard(path: string): Promise<void> {
    try {
      await this.#parts.files.remove(path);
    } catch (error) {
      this.#parts.logger.warn({ path, err: error }, 'a temporary file could not be removed');
    }
  }

  /** Makes room for `size` bytes beside the headroom; the least recently used objects leave for them. */
  async #reserve(size: number): Promise<void> {
    const { files, directory, options } = this.#parts;
    // What other writers have announced and not yet written is spoken for.
    let promised = 0;
    for (const writer of this.#writers) promised += writer.announcedBytes;
    const needed = size + promised + (options.budgetBytes * Math.max(0, options.headroomPercent)) / 100;
    for (;;) {
      const free = await files.freeBytes(directory);
      if (free === undefined || free >= needed) return;
      const victim = this.#index.oldestExcept(NONE);
      if (victim === undefined || free + this.#index.totalBytes < needed) {
        throw coordinationErrors.create('STORAGE_UNAVAILABLE', 'the disk has no room for the object', {
          details: { size, free },
        });
      }
      await this.#remove(victim.digest, 'forced');
    }
  }
}

const NONE: ReadonlySet<Digest> = new Set();

function notFound(digest: Digest): Error {
  return coordinationErrors.create('CONTENT_NOT_FOUND', 'the object is not in the store', {
    details: { digest },
  });
}
