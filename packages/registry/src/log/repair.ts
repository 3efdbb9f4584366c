/**
 * Repair of a damaged store, as far as that is safe: what counts afterwards is always a state that once was (a snapshot
 * and the records behind it, without a hole). Every file that is changed or no longer counts is kept beside, under
 * a name that ends in `.damaged`. Each step leaves the store no worse than it was, and repairing again goes on from there.
 */
import { errorCode } from '@muster/core';
import type { Clock, Storage } from '@muster/core';
import { endMarkPath } from './end-mark.ts';
import { logErrors } from './errors.ts';
import {
  BATCH_HEADER_BYTES,
  decodeBatchHeader,
  encodeBatchHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  SEGMENT_MAGIC,
} from './format.ts';
import { join, logDirectory, readLayout, removeIfThere, segmentName } from './layout.ts';
import type { Layout, SequencedFile } from './layout.ts';
import { damageError, readClosed, scanLog } from './recovery.ts';
import type { LogBase, LogDamage } from './recovery.ts';
import { SegmentWriter } from './segment-writer.ts';
import { scanSnapshot } from './snapshot-file.ts';

const COPY_BYTES = 1024 * 1024;
/** More repairs than this means that they don't help. */
const MAX_REPAIRS = 10_000;

/** One thing that was done to a store. */
export interface Repair {
  readonly action: 'set-aside' | 'cut' | 'salvaged' | 'restarted';
  readonly file: string;
  /** Where the file as it was is kept. */
  readonly keptAs: string | undefined;
  /** Records that don't count any more; undefined when none is lost. */
  readonly dropped: { readonly fromSeq: number; readonly toSeq: number } | undefined;
  readonly reason: string;
}

export interface RepairOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly directory: string;
}

class StoreRepair {
  readonly #options: RepairOptions;
  readonly #storage: Storage;
  readonly #repairs: Repair[] = [];

  constructor(options: RepairOptions) {
    this.#options = options;
    this.#storage = options.storage;
  }

  async run(): Promise<readonly Repair[]> {
    for (let i = 0; i < MAX_REPAIRS; i++) {
      const layout = await readLayout(this.#storage, this.#options.directory);
      if (!(await this.#step(layout))) return this.#repairs;
    }
    throw logErrors.create('LOG_CORRUPT', 'the repair does not come to an end');
  }

  /** One repair; false when there is nothing to repair. */
  async #step(layout: Layout): Promise<boolean> {
    const [foreign] = layout.foreign;
    if (foreign !== undefined) {
      await this.#setAside(foreign, 'not part of the store');
      return true;
    }
    if (await this.#dropDamagedEndMark()) return true;
    const { base, damaged } = await this.#base(layout);
    const { damage, scans } = await scanLog(this.#storage, layout, base);
    if (damage !== undefined && damage.kind === 'start') throw damageError(damage);
    for (const { file, reason } of damaged) await this.#setAside(file.path, reason);
    if (damage === undefined) return damaged.length > 0;
    await this.#repair(layout, base, damage, scans.at(-1)?.header?.seed ?? 0);
    return true;
  }

  /** A damaged mark says nothing, and without it the log's end is judged as after a crash. */
  async #dropDamagedEndMark(): Promise<boolean> {
    try {
      await readClosed(this.#storage, this.#options.directory);
      return false;
    } catch (error) {
      if (errorCode(error) !== 'LOG_CORRUPT') throw error;
      const reason = error instanceof Error ? error.message : 'damaged';
      await this.#setAside(endMarkPath(this.#options.directory), reason);
      return true;
    }
  }

  /** The newest good snapshot, and the damaged ones that are newer. */
  async #base(
    layout: Layout,
  ): Promise<{ base: LogBase; damaged: { file: SequencedFile; reason: string }[] }> {
    const damaged: { file: SequencedFile; reason: string }[] = [];
    const closed = await readClosed(this.#storage, this.#options.directory);
    for (const file of layout.snapshots.toReversed()) {
      try {
        const { storeId } = await scanSnapshot(this.#storage, file);
        return { base: { seq: file.seq, storeId, file: file.path, closed }, damaged };
      } catch (error) {
        if (errorCode(error) !== 'SNAPSHOT_CORRUPT') throw error;
        damaged.push({ file, reason: error instanceof Error ? error.message : 'damaged' });
      }
    }
    return { base: { seq: 0, storeId: undefined, file: undefined, closed }, damaged };
  }

  async #repair(layout: Layout, base: LogBase, damage: LogDamage, seed: number): Promise<void> {
    const { segments } = layout;
    switch (damage.kind) {
      case 'segment': {
        const segment = segments[damage.index] as SequencedFile;
        if (damage.fromSeq <= base.seq && (await this.#salvageTail(segment, base, damage, seed))) return;
        await this.#dropFrom(segments, damage.index + 1, damage);
        if (damage.offset <= FILE_HEADER_BYTES) await this.#setAside(segment.path, damage.reason, damage);
        else await this.#cut(segment, damage);
        return;
      }
      case 'stranger':
      case 'missing':
        await this.#dropFrom(segments, damage.index, damage);
        await this.#unseal(segments[damage.index - 1], damage);
        return;
      case 'end':
        await this.#unseal(segments[damage.index - 1], damage);
        return;
      case 'behind':
      case 'empty':
        await this.#restart(base, damage);
        return;
      case 'closed': {
        // What the mark contradicts would be cut like the end of a crashed log: keep it.
        const last = segments.at(-1);
        const keptAs = last === undefined ? undefined : await this.#copyAside(last.path);
        if (last !== undefined) this.#note('cut', last.path, keptAs, damage.reason, damage);
        await this.#setAside(damage.file, damage.reason);
        return;
      }
      case 'start':
        throw damageError(damage);
      default: {
        const never: never = damage.kind;
        throw new Error(`unknown damage ${String(never)}`);
      }
    }
  }

  /** Sets segments aside, the last first, so that what is left never has a hole. */
  async #dropFrom(segments: readonly SequencedFile[], index: number, damage: LogDamage): Promise<void> {
    for (const segment of segments.slice(index).toReversed()) {
      await this.#setAside(segment.path, damage.reason, { fromSeq: segment.seq, toSeq: damage.toSeq });
    }
  }

  async #setAside(path: string, reason: string, dropped?: { fromSeq: number; toSeq: number }): Promise<void> {
    const keptAs = await this.#freeName(path);
    await this.#storage.rename(path, keptAs);
    await this.#storage.syncDirectory(path.slice(0, path.lastIndexOf('/')));
    this.#note('set-aside', path, keptAs, reason, dropped);
  }

  /** Cuts a damaged segment behind its last whole batch, keeping a copy of it as it was. */
  async #cut(segment: SequencedFile, damage: LogDamage): Promise<void> {
    const keptAs = await this.#copyAside(segment.path);
    const file = await this.#storage.open(segment.path, 'write');
    try {
      await file.truncate(damage.offset);
      await file.sync();
    } finally {
      await file.close();
    }
    this.#note('cut', segment.path, keptAs, damage.reason, damage);
  }

  /** Takes away the mark that another segment follows. */
  async #unseal(segment: SequencedFile | undefined, damage: LogDamage): Promise<void> {
    if (segment === undefined) return;
    const layout = await readLayout(this.#storage, this.#options.directory);
    const index = layout.segments.findIndex((other) => other.path === segment.path);
    const { scans } = await scanLog(
      this.#storage,
      { ...layout, segments: layout.segments.slice(index, index + 1) },
      { seq: segment.seq - 1, storeId: undefined, file: undefined, closed: undefined },
    );
    const scan = scans[0];
    if (scan?.end !== 'rotated') return;
    const file = await this.#storage.open(segment.path, 'write');
    try {
      await file.truncate(scan.endOffset);
      await file.sync();
    } finally {
      await file.close();
    }
    this.#note('cut', segment.path, undefined, damage.reason, damage);
  }

  /** The log goes on behind the snapshot, which holds all that the lost part of the log did. */
  async #restart(base: LogBase, damage: LogDamage): Promise<void> {
    await this.#storage.makeDirectory(logDirectory(this.#options.directory));
    const writer = await SegmentWriter.create(this.#storage, logDirectory(this.#options.directory), {
      storeId: base.storeId as Buffer,
      firstSeq: base.seq + 1,
      createdAt: this.#options.clock.now(),
      previous: undefined,
    });
    await writer.close();
    const lost = { fromSeq: base.seq + 1, toSeq: damage.toSeq };
    this.#note('restarted', writer.path, undefined, damage.reason, lost.toSeq > base.seq ? lost : undefined);
  }

  /**
   * When the snapshot holds all that is damaged: moves the whole batches behind the damage to a segment of their own.
   * False when there are none that follow the snapshot without a hole.
   */
  async #salvageTail(
    segment: SequencedFile,
    base: LogBase,
    damage: LogDamage,
    seed: number,
  ): Promise<boolean> {
    const bytes = await readWhole(this.#storage, segment.path);
    const start = findBatch(bytes, damage.offset + 1, seed, damage.fromSeq, base.seq + 1);
    if (start === undefined || base.storeId === undefined) return false;
    const path = join(logDirectory(this.#options.directory), segmentName(start.seq));
    const header = {
      storeId: base.storeId,
      sequence: start.seq,
      createdAt: this.#options.clock.now(),
      previous: undefined,
    };
    const tail = reframe(bytes.subarray(start.offset), seed, encodeFileHeader(SEGMENT_MAGIC, header));
    await removeIfThere(this.#storage, `${path}.tmp`);
    await this.#write(`${path}.tmp`, tail.bytes);
    await this.#storage.rename(`${path}.tmp`, path);
    await this.#storage.syncDirectory(logDirectory(this.#options.directory));
    const lost = { fromSeq: tail.nextSeq, toSeq: damage.toSeq };
    this.#note('salvaged', path, segment.path, damage.reason, lost.toSeq < lost.fromSeq ? undefined : lost);
    return true;
  }

  async #copyAside(path: string): Promise<string> {
    const keptAs = await this.#freeName(path);
    await this.#write(keptAs, await readWhole(this.#storage, path));
    await this.#storage.syncDirectory(path.slice(0, path.lastIndexOf('/')));
    return keptAs;
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    const file = await this.#storage.open(path, 'create');
    try {
      for (let at = 0; at < bytes.length; at += COPY_BYTES) {
        await file.write(at, bytes.subarray(at, at + COPY_BYTES));
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #freeName(path: string): Promise<string> {
    const directory = path.slice(0, path.lastIndexOf('/'));
    const taken = new Set((await this.#storage.list(directory)).map((entry) => join(directory, entry.name)));
    for (let i = 1; ; i++) {
      const name = i === 1 ? `${path}.damaged` : `${path}.damaged-${i}`;
      if (!taken.has(name)) return name;
    }
  }

  #note(
    action: Repair['action'],
    file: string,
    keptAs: string | undefined,
    reason: string,
    dropped?: { readonly fromSeq: number; readonly toSeq: number },
  ): void {
    const range = dropped === undefined ? undefined : { fromSeq: dropped.fromSeq, toSeq: dropped.toSeq };
    this.#repairs.push({ action, file, keptAs, dropped: range, reason });
  }
}

async function readWhole(storage: Storage, path: string): Promise<Buffer> {
  const file = await storage.open(path, 'read');
  try {
    return Buffer.from(await file.read(0, await file.size()));
  } finally {
    await file.close();
  }
}

/** The first batch header behind `from` whose records begin after `afterSeq` and not after `untilSeq`. */
function findBatch(
  bytes: Buffer,
  from: number,
  seed: number,
  afterSeq: number,
  untilSeq: number,
): { offset: number; seq: number } | undefined {
  for (let offset = from; offset + BATCH_HEADER_BYTES <= bytes.length; offset++) {
    const header = decodeBatchHeader(bytes, offset, seed);
    if (header === undefined || header.firstSeq <= afterSeq) continue;
    return header.firstSeq <= untilSeq ? { offset, seq: header.firstSeq } : undefined;
  }
  return undefined;
}

/**
 * The same batches in a segment with another header, as far as their own headers are whole: those are summed anew.
 * `nextSeq` is what follows the last of them.
 */
function reframe(
  batches: Buffer,
  seed: number,
  head: { readonly bytes: Buffer; readonly seed: number },
): { bytes: Buffer; nextSeq: number } {
  const out = Buffer.concat([head.bytes, batches]);
  let chain = head.seed;
  let offset = head.bytes.length;
  let nextSeq = 0;
  while (offset + BATCH_HEADER_BYTES <= out.length) {
    const header = decodeBatchHeader(out, offset, seed);
    if (header === undefined) break;
    chain = encodeBatchHeader(out, offset, head.seed, { ...header, previous: chain });
    nextSeq = header.firstSeq + header.count;
    offset += BATCH_HEADER_BYTES + header.bytes;
  }
  return { bytes: out.subarray(0, offset), nextSeq };
}

/**
 * Repairs a store so that `openLog` accepts it. Does nothing to a good one.
 *
 * @throws LOG_GAP when records are missing that nothing can replace; STORE_VERSION. Nothing was changed then.
 */
export async function repairStore(options: RepairOptions): Promise<readonly Repair[]> {
  return new StoreRepair(options).run();
}
