/**
 * Makes one process the only supervisor of a fleet's folder on this host. The lock is one of the operating system, held by an
 * open SQLite transaction on the file LOCK: it ends with the process, however that ends, so there is no stale lock and no
 * process id to be mistaken. Network file systems keep this promise only as far as they keep POSIX locks.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fleetErrors } from './fleet-errors.ts';

const LOCK_FILE = 'LOCK';
const OWNER_FILE = 'LOCK-OWNER';
/** SQLITE_BUSY, with whatever extended code in the upper bytes. */
const SQLITE_BUSY = 5;

/** A folder that this process owns. */
export interface FolderLock {
  /** Lets others have it. Harmless when repeated. */
  release(): Promise<void>;
}

/** Takes the lock. Rejects FLEET_RUNNING, with the process id where it is known; errors of the system. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, LOCK_FILE);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw await running(folder, error);
  }
  await chmod(path, 0o600);
  await writeFile(join(folder, OWNER_FILE), `${process.pid}\n`, { mode: 0o600 });
  let isHeld = true;
  return {
    async release() {
      if (!isHeld) return;
      isHeld = false;
      await rm(join(folder, OWNER_FILE), { force: true });
      database.close();
    },
  };
}

async function running(folder: string, cause: unknown): Promise<Error> {
  const pid = await ownerOf(folder);
  const owner = pid === undefined ? 'another process' : `process ${pid}`;
  const stop = pid === undefined ? 'Stop it' : `Stop it with Ctrl-C in its terminal (or: kill ${pid})`;
  return fleetErrors.create('FLEET_RUNNING', `a fleet runs in ${folder} already: ${owner}`, {
    hint: `${stop}, or start a second fleet in a folder of its own: --data <folder>`,
    details: { folder, ...(pid === undefined ? {} : { pid }) },
    cause,
  });
}

async function ownerOf(folder: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(join(folder, OWNER_FILE), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;
}
