import type { Storage, StorageEntry } from '@muster/core';
import { errorCode } from '@muster/core';

const SEQUENCE_DIGITS = 16;
const NAME = /^(\d{16})\.(log|snap)(\.tmp)?$/;
const SET_ASIDE = /\.damaged(-\d+)?$/;

/** The file that says that a copy of a store was begun and not finished. */
export const COPY_MARKER = 'COPY-INCOMPLETE';
/** The file in the log's directory that marks an orderly end. */
export const END_MARK = 'END';

export function join(directory: string, name: string): string {
  return `${directory}/${name}`;
}

export function logDirectory(directory: string): string {
  return join(directory, 'log');
}

export function snapshotDirectory(directory: string): string {
  return join(directory, 'snapshots');
}

/** The name of the segment that begins with `seq`. */
export function segmentName(seq: number): string {
  return `${String(seq).padStart(SEQUENCE_DIGITS, '0')}.log`;
}

/** The name of the snapshot that ends with `seq`. */
export function snapshotName(seq: number): string {
  return `${String(seq).padStart(SEQUENCE_DIGITS, '0')}.snap`;
}

/** A file whose name says its sequence number. */
export interface SequencedFile {
  readonly name: string;
  readonly path: string;
  readonly seq: number;
  readonly bytes: number;
}

/** What a store's directories hold, by name only. */
export interface Layout {
  readonly segments: readonly SequencedFile[];
  readonly snapshots: readonly SequencedFile[];
  /** Unfinished files, free to be removed. */
  readonly temporary: readonly string[];
  /** Damaged files that an earlier repair kept. */
  readonly setAside: readonly string[];
  /** Files that don't belong there. */
  readonly foreign: readonly string[];
  /** The log was closed in order and not opened since. */
  readonly closed: boolean;
  /** A copy that was begun and not finished. */
  readonly incomplete: boolean;
}

async function listOrEmpty(storage: Storage, directory: string): Promise<readonly StorageEntry[]> {
  try {
    return await storage.list(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Lists a store. Missing directories count as empty. */
export async function readLayout(storage: Storage, directory: string): Promise<Layout> {
  const files = { log: [] as SequencedFile[], snap: [] as SequencedFile[] };
  const temporary: string[] = [];
  const setAside: string[] = [];
  const foreign: string[] = [];
  let closed = false;
  for (const [kind, folder] of [
    ['log', logDirectory(directory)],
    ['snap', snapshotDirectory(directory)],
  ] as const) {
    for (const entry of await listOrEmpty(storage, folder)) {
      const path = join(folder, entry.name);
      const match = NAME.exec(entry.name);
      const seq = Number(match?.[1]);
      if (kind === 'log' && entry.kind === 'file' && entry.name === END_MARK) {
        closed = true;
      } else if (kind === 'log' && entry.kind === 'file' && entry.name === `${END_MARK}.tmp`) {
        temporary.push(path);
      } else if (
        entry.kind !== 'file' ||
        (match !== null && (match[2] !== kind || !Number.isSafeInteger(seq)))
      ) {
        foreign.push(path);
      } else if (match !== null && match[3] === undefined) {
        files[kind].push({ name: entry.name, path, seq, bytes: entry.size });
      } else if (match !== null) {
        temporary.push(path);
      } else if (SET_ASIDE.test(entry.name)) {
        setAside.push(path);
      } else {
        foreign.push(path);
      }
    }
  }
  const root = await listOrEmpty(storage, directory);
  const incomplete = root.some((entry) => entry.name === COPY_MARKER);
  return { segments: files.log, snapshots: files.snap, temporary, setAside, foreign, closed, incomplete };
}

/** Removes a file that may be gone already. */
export async function removeIfThere(storage: Storage, path: string): Promise<void> {
  try {
    await storage.remove(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
