/**
 * The folder of a fleet: whether it is one, whether it may be used now, and what is in it.
 *
 * Fault model: nothing is written before the folder is known to be new, empty, or one of this format; a second supervisor, a
 * full disk and a clock that is off are found before anything is started. Files that others must not read have mode 0600.
 */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, errorCode } from '@muster/core';
import { showBytes } from '../cli/progress.ts';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { writeWhole } from '../fleet/fleet-files.ts';
import { makeDataDirectory } from '../serve/data-directory.ts';
import { type FolderLock, lockFolder } from '../fleet/folder-lock.ts';

/** Format of the folder that this version makes and takes. */
export const FOLDER_FORMAT = 1;
/** Free space below which a fleet is not started: the image, its copies in four mirrors, logs. */
export const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** How far a clock may have gone back since the folder was last used: machines set their clocks by a little. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
/** The day on which this format was made: no right clock is before it. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

const MARK_FILE = 'fleet-folder.json';
/** Folders that the store of a registry consists of. */
const STORE_FOLDERS = ['log', 'snapshots'];

interface Mark {
  readonly format: number;
  readonly musterVersion: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export interface OpenOptions {
  readonly folder: string;
  readonly musterVersion: string;
  readonly clock: Clock;
  /** Whether the clock is believed although it has gone back. */
  readonly acceptClock: boolean;
  /** For tests: free bytes of the disk. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Makes the folder unless it is there, checks it, and locks it. Rejects FLEET_FOLDER_FOREIGN, FLEET_FOLDER_VERSION,
 * FLEET_FOLDER_DAMAGED, FLEET_RUNNING, FLEET_DISK_FULL, FLEET_CLOCK, DATA_UNUSABLE; errors of the system.
 */
export async function openFleetFolder(options: OpenOptions): Promise<FolderLock> {
  const { folder, musterVersion, clock, acceptClock, freeBytes = freeBytesOf } = options;
  const nowMs = clock.now();
  await makeFolder(folder);
  const mark = await readMark(folder);
  if (mark === undefined) await requireEmpty(folder);
  checkClock(folder, mark, nowMs, acceptClock);
  await requireSpace(folder, await freeBytes(folder));
  const lock = await lockFolder(folder);
  try {
    const createdAt = mark?.createdAt ?? nowMs;
    const next: Mark = { format: FOLDER_FORMAT, musterVersion, createdAt, lastUsedAt: nowMs };
    await writeWhole(join(folder, MARK_FILE), `${JSON.stringify(next, undefined, 2)}\n`);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Notes that the folder is still in use: so the next start can tell whether the clock has gone back. */
export async function touchFleetFolder(folder: string, clock: Clock): Promise<void> {
  const mark = await readMark(folder);
  if (mark === undefined) return;
  const next: Mark = { ...mark, lastUsedAt: clock.now() };
  await writeWhole(join(folder, MARK_FILE), `${JSON.stringify(next, undefined, 2)}\n`);
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await makeDataDirectory(folder);
  } catch (error) {
    const { cause } = error as Error;
    const code = errorCode(cause);
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    throw fleetErrors.create('FLEET_FOLDER_FOREIGN', `${folder} is, or is below, a file`, {
      details: { folder },
      cause,
    });
  }
}

async function readMark(folder: string): Promise<Mark | undefined> {
  const path = join(folder, MARK_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const mark = parseMark(text);
  if (mark === undefined) {
    throw fleetErrors.create('FLEET_FOLDER_DAMAGED', `${path} is not what a fleet writes`, {
      hint: `Choose another folder with --data, or move ${folder} away.`,
      details: { path },
    });
  }
  if (mark.format === FOLDER_FORMAT) return mark;
  const message = `${folder} was made by Muster ${mark.musterVersion}, whose folders have format ${mark.format}; this one takes ${FOLDER_FORMAT}`;
  throw fleetErrors.create('FLEET_FOLDER_VERSION', message, {
    hint: 'Start that version, or choose another folder with --data.',
    details: { folder, format: mark.format },
  });
}

function parseMark(text: string): Mark | undefined {
  try {
    const value = JSON.parse(text) as Partial<Mark> | null;
    const { format, musterVersion, createdAt, lastUsedAt } = value ?? {};
    if (!Number.isInteger(format) || typeof musterVersion !== 'string') return undefined;
    if (typeof createdAt !== 'number' || typeof lastUsedAt !== 'number') return undefined;
    return value as Mark;
  } catch {
    return undefined;
  }
}

/** A folder without our mark must be empty. */
async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length === 0) return;
  if (names.some((name) => STORE_FOLDERS.includes(name))) {
    throw fleetErrors.create(
      'FLEET_FOLDER_VERSION',
      `${folder} is the store of a single registry, as \`muster dev\` made it before it ran a whole fleet`,
      {
        hint: `Serve it as before: muster registry serve --data ${folder}; or choose another folder with --data.`,
        details: { folder },
      },
    );
  }
  throw fleetErrors.create(
    'FLEET_FOLDER_FOREIGN',
    `${folder} is not empty and was not made by a fleet (it has ${names.slice(0, 3).join(', ')})`,
    { details: { folder } },
  );
}

function checkClock(folder: string, mark: Mark | undefined, nowMs: number, isAccepted: boolean): void {
  const now = new Date(nowMs).toISOString();
  if (isAccepted) return;
  if (nowMs < EARLIEST_MS) {
    throw fleetErrors.create('FLEET_CLOCK', `the clock of this machine says ${now}, which is long past`, {
      details: { now },
    });
  }
  if (mark === undefined || mark.lastUsedAt - nowMs <= CLOCK_TOLERANCE_MS) return;
  const last = new Date(mark.lastUsedAt).toISOString();
  throw fleetErrors.create(
    'FLEET_CLOCK',
    `${folder} was last used at ${last}, and the clock of this machine says ${now}: it has gone back`,
    { details: { now, last } },
  );
}

async function requireSpace(folder: string, free: number): Promise<void> {
  if (free >= MIN_FREE_BYTES) return;
  throw fleetErrors.create(
    'FLEET_DISK_FULL',
    `${showBytes(free)} are free on the disk of ${folder}, and a fleet needs ${showBytes(MIN_FREE_BYTES)}`,
    { hint: 'Make room, or name a folder on another disk with --data.', details: { folder, free } },
  );
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
