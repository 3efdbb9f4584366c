/** Whether what is acknowledged will be there after a power cut, as far as measuring can tell, and whether there is room for more. */
import { formatSize } from '@muster/core';
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { DiskFigures } from '../probes/disk.ts';
import type { DataFolder } from '../subject.ts';

/** No disk and no flash writes and confirms in less; whoever says so has only kept it in memory. */
export const IMPOSSIBLE_SYNC_US = 20;
/** Each write of a registry waits for a sync; beyond this people notice. */
export const SLOW_SYNC_US = 50_000;
export const LITTLE_FREE_BYTES = 1024 ** 3;
export const TOO_LITTLE_FREE_BYTES = 64 * 1024 ** 2;
export const FEW_FREE_FILES = 1_000;

interface FileSystem {
  readonly name: string;
  /** Where the data really is. */
  readonly kind: 'disk' | 'memory' | 'network' | 'container';
}

/** By the number that Linux gives each (statfs(2)). */
const FILE_SYSTEMS: ReadonlyMap<number, FileSystem> = new Map<number, FileSystem>([
  [0xef53, { name: 'ext4', kind: 'disk' }],
  [0x58465342, { name: 'xfs', kind: 'disk' }],
  [0x9123683e, { name: 'btrfs', kind: 'disk' }],
  [0x2fc12fc1, { name: 'zfs', kind: 'disk' }],
  [0xf2f52010, { name: 'f2fs', kind: 'disk' }],
  [0x01021994, { name: 'tmpfs', kind: 'memory' }],
  [0x858458f6, { name: 'ramfs', kind: 'memory' }],
  [0x6969, { name: 'NFS', kind: 'network' }],
  [0xff534d42, { name: 'CIFS', kind: 'network' }],
  [0xfe534d42, { name: 'SMB', kind: 'network' }],
  [0x01021997, { name: '9p', kind: 'network' }],
  [0x00c36400, { name: 'Ceph', kind: 'network' }],
  [0x794c7630, { name: 'overlayfs', kind: 'container' }],
]);

/** The name of a file system, by its number. */
export function fileSystemOf(type: number): FileSystem | undefined {
  // Some systems tell the number with a sign.
  return FILE_SYSTEMS.get(type >>> 0);
}

export function examineDisk(folder: DataFolder, figures: DiskFigures): readonly Finding[] {
  const what = `disk of ${folder.owner}`;
  return [
    ...(folder.isDurable ? [examineSyncs(what, folder, figures)] : []),
    ...examinePlace(what, folder, figures),
    examineRoom(what, folder, figures),
  ];
}

function examineSyncs(what: string, { path, setting }: DataFolder, figures: DiskFigures): Finding {
  const { medianUs, slowestUs, perSecond, syncs } = figures;
  const measured =
    `a sync takes ${durationText(medianUs)} (slowest of ${syncs}: ${durationText(slowestUs)}), ` +
    `${Math.round(perSecond)}/s one after the other`;
  if (medianUs < IMPOSSIBLE_SYNC_US) {
    return warning(
      what,
      `${path}: ${measured}, which no disk can do: it is in memory, or the disk confirms what it has not written`,
      `Put ${setting} on a disk that honours syncs; on a virtual machine set its cache mode to none or writethrough.`,
    );
  }
  if (medianUs > SLOW_SYNC_US) {
    return warning(
      what,
      `${path}: ${measured}`,
      `Every write waits for that. Put ${setting} on another disk, or keep durability at batch, where many share one.`,
    );
  }
  return ok(what, `${path}: ${measured}`);
}

function examinePlace(
  what: string,
  { path, setting, isDurable }: DataFolder,
  { type }: DiskFigures,
): readonly Finding[] {
  const system = fileSystemOf(type);
  if (!isDurable || system === undefined || system.kind === 'disk') return [];
  const found = `${path} is on ${system.name}`;
  const fix = `Put ${setting} on a file system of a disk (ext4, xfs).`;
  switch (system.kind) {
    case 'memory':
      return [problem(what, `${found}: all of it ends with the machine`, fix)];
    case 'network':
      return [
        warning(what, `${found}: locks and syncs are only as good as the server and its mount options`, fix),
      ];
    case 'container':
      return [warning(what, `${found}: it ends with the container`, `Mount a volume at ${setting}.`)];
  }
}

function examineRoom(what: string, { path, setting }: DataFolder, figures: DiskFigures): Finding {
  const { freeBytes, totalBytes, freeFiles } = figures;
  const room = `${path}: ${formatSize(roundSize(freeBytes))} of ${formatSize(roundSize(totalBytes))} free`;
  const fix = `Make room, or move ${setting}: a registry that can't write stops (exit code 5).`;
  if (freeFiles !== undefined && freeFiles < FEW_FREE_FILES)
    return problem(what, `${path}: only ${freeFiles} more files can be made`, fix);
  if (freeBytes < TOO_LITTLE_FREE_BYTES) return problem(what, room, fix);
  if (freeBytes < LITTLE_FREE_BYTES) return warning(what, room, fix);
  return ok(what, room);
}

/** Whole units only, for a person. */
function roundSize(bytes: number): number {
  const unit = [1024 ** 3, 1024 ** 2, 1024].find((each) => bytes >= 10 * each) ?? 1;
  return Math.floor(bytes / unit) * unit;
}

function durationText(us: number): string {
  return us < 1_000 ? `${us.toFixed(0)} µs` : `${(us / 1_000).toFixed(1)} ms`;
}
