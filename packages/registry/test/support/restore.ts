import { seededRandom } from '@muster/core/testing';
import { applyEvent } from '../../src/model/apply.ts';
import { Directory } from '../../src/model/directory.ts';
import { decodeEvent } from '../../src/model/events.ts';
import type { DirectoryLimits } from '../../src/model/limits.ts';
import { restoreBlock, SnapshotCapture, type SnapshotBlock } from '../../src/model/snapshot.ts';
import type { StoredRecord } from './test-log.ts';

/** Small tables: the default ones reserve address space for two million nodes. */
export function emptyDirectory(seed = 7, limits: Partial<DirectoryLimits> = {}): Directory {
  return new Directory(seededRandom(seed), { maxNodes: 4000, maxTombstones: 4000, ...limits });
}

/** Applies log records as recovery does. */
export function replay(state: Directory, records: Iterable<StoredRecord>): Directory {
  for (const { seq, type, payload } of records) {
    const event = decodeEvent(type, payload);
    if (event === undefined) throw new Error(`record ${seq} has the unknown type ${type}`);
    applyEvent(state, event, seq);
  }
  return state;
}

/** A whole snapshot of the present state. */
export function snapshotOf(state: Directory, generation = 1): SnapshotBlock[] {
  const capture = new SnapshotCapture(state, generation);
  try {
    return copyBlocks(capture.blocks());
  } finally {
    capture.end();
  }
}

/** Blocks whose bytes are copies, as after they went through a file. */
export function copyBlocks(blocks: Iterable<SnapshotBlock>): SnapshotBlock[] {
  return Array.from(blocks, ({ kind, bytes }) => ({ kind, bytes: Buffer.from(bytes) }));
}

/** Puts a snapshot into an empty directory. */
export function restored(blocks: Iterable<SnapshotBlock>, into = emptyDirectory()): Directory {
  for (const { kind, bytes } of blocks) restoreBlock(into, kind, Buffer.from(bytes));
  return into;
}
