/**
 * Measures what a disk promises: how long a sync takes, as the log of the registry does it (write, then fdatasync), in the folder
 * itself. The file has a name of its own, holds nothing, and is removed in all cases but a kill of this process.
 */
import { randomBytes } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@muster/core';

/** Beginning of the names of files that a measurement may leave when it is killed. */
export const MEASUREMENT_PREFIX = '.muster-doctor-';
const BLOCK_BYTES = 4096;
const MAX_SYNCS = 200;
/** A slow disk is known after a few. */
const MAX_MS = 1_500;
const MIN_SYNCS = 5;

/** What was measured in a folder. Times are microseconds. */
export interface DiskFigures {
  /** Number by which the system knows the kind of file system. */
  readonly type: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Undefined where the file system does not count them. */
  readonly freeFiles: number | undefined;
  readonly syncs: number;
  readonly medianUs: number;
  readonly slowestUs: number;
  readonly perSecond: number;
}

/** Rejects with the system's error when the folder cannot be written to. */
export async function measureDisk(folder: string): Promise<DiskFigures> {
  const { type, bavail, bsize, blocks, files, ffree } = await statfs(folder);
  const path = join(folder, `${MEASUREMENT_PREFIX}${randomBytes(6).toString('hex')}.tmp`);
  const block = randomBytes(BLOCK_BYTES);
  const times: number[] = [];
  const file = await open(path, 'wx', 0o600);
  try {
    const startedAt = systemClock.monotonic();
    // The first one also makes the file longer, which the log has done before.
    await file.write(block, 0, BLOCK_BYTES, 0);
    await file.datasync();
    while (times.length < MAX_SYNCS) {
      if (times.length >= MIN_SYNCS && systemClock.monotonic() - startedAt > MAX_MS) break;
      await file.write(block, 0, BLOCK_BYTES, 0);
      const before = systemClock.monotonic();
      await file.datasync();
      times.push((systemClock.monotonic() - before) * 1000);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return {
    type,
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    freeFiles: files === 0 ? undefined : ffree,
    ...summaryOf(times),
  };
}

/** Median, slowest and rate of some times in microseconds. */
export function summaryOf(
  times: readonly number[],
): Pick<DiskFigures, 'syncs' | 'medianUs' | 'slowestUs' | 'perSecond'> {
  const sorted = times.toSorted((a, b) => a - b);
  const sum = sorted.reduce((total, time) => total + time, 0);
  return {
    syncs: sorted.length,
    medianUs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    slowestUs: sorted.at(-1) ?? 0,
    perSecond: sum === 0 ? 0 : (sorted.length / sum) * 1e6,
  };
}
