import type { Clock, Storage, StorageFile } from '@muster/core';
import { errorCode } from '@muster/core';
import { endMarkPath, writeEndMark } from './end-mark.ts';
import { logErrors } from './errors.ts';
import {
  COPY_MARKER,
  join,
  logDirectory,
  readLayout,
  removeIfThere,
  segmentName,
  snapshotDirectory,
  snapshotName,
} from './layout.ts';
import type { SequencedFile } from './layout.ts';
import { firstNeeded } from './recovery.ts';
import { scanSegment } from './segment-reader.ts';
import type { SegmentScan } from './segment-reader.ts';
import { sealFile } from './segment-writer.ts';
import { scanSnapshot } from './snapshot-file.ts';
import { verifyLog } from './verify.ts';

const COPY_BYTES = 1024 * 1024;
const SYNC_BYTES = 8 * 1024 * 1024;
const DEFAULT_ATTEMPTS = 5;

export interface CopyOptions {
  readonly clock: Clock;
  /** Names of files beside the log that are copied as they are, where they exist. */
  readonly sideFiles?: readonly string[];
  /** How often to begin again when the server removes a file that is being copied. @default 5 */
  readonly maxAttempts?: number;
  readonly onProgress?: (bytesDone: number) => void;
}

export interface CopyReport {
  /** The copy holds every record up to this one. */
  readonly lastSeq: number;
  readonly snapshotSeq: number | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly attempts: number;
}

/** A file of the source went away: the server has written a snapshot meanwhile. */
class Vanished extends Error {}

class StoreCopy {
  readonly #storage: Storage;
  readonly #from: string;
  readonly #to: string;
  readonly #options: CopyOptions;
  readonly #written: string[] = [];
  #bytes = 0;
  #storeId: Buffer = Buffer.alloc(0);

  constructor(storage: Storage, from: string, to: string, options: CopyOptions) {
    this.#storage = storage;
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  get files(): number {
    return this.#written.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Copies the newest good snapshot, and the log from there to its last whole batch. */
  async run(): Promise<{ lastSeq: number; snapshotSeq: number | undefined }> {
    const snapshotSeq = await this.#copySnapshot();
    const lastSeq = await this.#copyLog(snapshotSeq ?? 0);
    await writeEndMark(this.#storage, this.#to, { storeId: this.#storeId, lastSeq });
    this.#written.push(endMarkPath(this.#to));
    for (const name of this.#options.sideFiles ?? []) await this.#copySideFile(name);
    for (const directory of [logDirectory(this.#to), snapshotDirectory(this.#to), this.#to]) {
      await this.#storage.syncDirectory(directory);
    }
    return { lastSeq, snapshotSeq };
  }

  /** Removes what this copy has written so far. */
  async undo(): Promise<void> {
    for (const path of this.#written) await removeIfThere(this.#storage, path);
    this.#written.length = 0;
    this.#bytes = 0;
  }

  async #copySnapshot(): Promise<number | undefined> {
    const { snapshots } = await readLayout(this.#storage, this.#from);
    const newest = snapshots.at(-1);
    if (newest === undefined) return undefined;
    const target = join(snapshotDirectory(this.#to), snapshotName(newest.seq));
    await this.#copyFile(newest.path, target, undefined);
    await scanSnapshot(this.#storage, { ...newest, path: target });
    return newest.seq;
  }

  async #copyLog(baseSeq: number): Promise<number> {
    let next: SequencedFile | undefined;
    let lastSeq = 0;
    for (;;) {
      const { segments } = await readLayout(this.#storage, this.#from);
      const wanted = lastSeq + 1;
      next =
        next === undefined
          ? segments[firstNeeded(segments, baseSeq)]
          : segments.find((file) => file.seq === wanted);
      if (next === undefined) throw new Vanished('a segment was removed');
      const follows = segments.some((file) => file.seq > (next as SequencedFile).seq);
      const scan = await this.#copySegment(next);
      lastSeq = scan.lastSeq;
      if (scan.end !== 'rotated' && !follows) return lastSeq;
    }
  }

  /** Copies a segment up to its last whole batch, and marks its end. */
  async #copySegment(source: SequencedFile): Promise<SegmentScan> {
    const scan = await this.#scan(source);
    if (scan.header === undefined || scan.end === 'damaged') {
      const reason = scan.reason ?? 'damaged';
      throw logErrors.create('LOG_CORRUPT', `${source.path}, offset ${scan.endOffset}: ${reason}`, {
        details: { file: source.path, offset: scan.endOffset, fromSeq: scan.lastSeq + 1 },
      });
    }
    const { seed } = scan.header;
    this.#storeId = scan.header.storeId;
    const target = join(logDirectory(this.#to), segmentName(source.seq));
    const reason = scan.end === 'rotated' ? 'rotated' : 'closed';
    await this.#copyFile(source.path, target, scan.endOffset, (file) =>
      sealFile(file, scan.endOffset, seed, scan.chain, reason, scan.lastSeq + 1),
    );
    return scan;
  }

  /**
   * Scans a segment that may be growing. A batch may be half there when it is read and whole when what follows it is,
   * which looks like damage; only damage that is still there at a second look is taken for it.
   */
  async #scan(source: SequencedFile): Promise<SegmentScan> {
    const scan = async (): Promise<SegmentScan> => this.#expect(() => scanSegment(this.#storage, source));
    let found = await scan();
    while (found.end === 'damaged') {
      const again = await scan();
      if (again.end === 'damaged' && again.endOffset === found.endOffset) break;
      found = again;
    }
    return found;
  }

  async #copySideFile(name: string): Promise<void> {
    try {
      await this.#copyFile(join(this.#from, name), join(this.#to, name), undefined);
    } catch (error) {
      if (!(error instanceof Vanished)) throw error;
    }
  }

  async #copyFile(
    source: string,
    target: string,
    limit: number | undefined,
    finish?: (file: StorageFile) => Promise<void>,
  ): Promise<void> {
    const from = await this.#expect(() => this.#storage.open(source, 'read'));
    try {
      const length = limit ?? (await from.size());
      const to = await this.#storage.open(target, 'create');
      this.#written.push(target);
      try {
        await this.#copyBytes(from, to, length);
        await finish?.(to);
        await to.sync();
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  }

  async #copyBytes(from: StorageFile, to: StorageFile, length: number): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(COPY_BYTES, length)));
    let unsynced = 0;
    for (let at = 0; at < length;) {
      const got = await from.readInto(at, buffer.subarray(0, Math.min(buffer.length, length - at)));
      if (got === 0) throw new Vanished('a file became shorter');
      await to.write(at, buffer.subarray(0, got));
      at += got;
      this.#bytes += got;
      unsynced += got;
      if (unsynced >= SYNC_BYTES) {
        unsynced = 0;
        await to.sync();
      }
      this.#options.onProgress?.(this.#bytes);
    }
  }

  async #expect<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw new Vanished('a file was removed');
      throw error;
    }
  }
}

async function prepareTarget(storage: Storage, to: string): Promise<void> {
  await storage.makeDirectory(to);
  const entries = await storage.list(to);
  if (entries.length > 0) {
    throw logErrors.create('COPY_TARGET', `${to} is not empty`, { details: { directory: to } });
  }
  const marker = await storage.open(join(to, COPY_MARKER), 'create');
  await marker.sync();
  await marker.close();
  await storage.syncDirectory(to);
  await storage.makeDirectory(logDirectory(to));
  await storage.makeDirectory(snapshotDirectory(to));
}

/**
 * Copies a store to an empty or missing directory, also while a server writes to it: the newest snapshot and every
 * record behind it, up to the last whole batch that is on the disk when the copy gets there. The copy is checked. Until
 * it is complete it holds a mark, and is refused as a store.
 *
 * @throws COPY_TARGET, COPY_FAILED, LOG_CORRUPT, SNAPSHOT_CORRUPT, STORE_VERSION; errors of the storage
 */
export async function copyStore(
  storage: Storage,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<CopyReport> {
  const source = await readLayout(storage, from);
  if (source.segments.length === 0) {
    throw logErrors.create('COPY_FAILED', `${from} holds no store`, { details: { directory: from } });
  }
  await prepareTarget(storage, to);
  const maxAttempts = options.maxAttempts ?? DEFAULT_ATTEMPTS;
  for (let attempts = 1; ; attempts++) {
    const copy = new StoreCopy(storage, from, to, options);
    try {
      const { lastSeq, snapshotSeq } = await copy.run();
      await checkCopy(storage, to, lastSeq);
      await storage.remove(join(to, COPY_MARKER));
      await storage.syncDirectory(to);
      return { lastSeq, snapshotSeq, files: copy.files, bytes: copy.bytes, attempts };
    } catch (error) {
      if (!(error instanceof Vanished)) throw error;
      if (attempts === maxAttempts) {
        throw logErrors.create('COPY_FAILED', `${error.message} during each of ${attempts} attempts`, {
          details: { directory: from, attempts },
        });
      }
      await copy.undo();
    }
  }
}

async function checkCopy(storage: Storage, to: string, lastSeq: number): Promise<void> {
  const report = await verifyLog(storage, to);
  const problem = report.problems.find(({ code }) => code !== 'STORE_INCOMPLETE');
  if (problem === undefined && report.recoverableSeq === lastSeq) return;
  const reason = problem?.reason ?? `ends with record ${report.recoverableSeq}, not ${lastSeq}`;
  throw logErrors.create('COPY_FAILED', `the copy is not right: ${reason}`, { details: { directory: to } });
}
