import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectories } from '@muster/core';
import { logErrors } from '../errors.ts';

/** A store that this process owns. */
export interface StoreLock {
  /** Lets others have it. Harmless when repeated. */
  release(): Promise<void>;
}

const LOCK_FILE = 'LOCK';
const OWNER_FILE = 'LOCK-OWNER';
/** SQLITE_BUSY, with whatever extended code in the upper bytes. */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;
}

async function ownerPid(directory: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(join(directory, OWNER_FILE), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes this process the only owner of a store on this host. The lock is one of the operating system, held by an open
 * SQLite transaction on the file LOCK: it ends with the process, however that ends, so there is no stale lock and no
 * process id to be mistaken. Nothing may open LOCK by other means, as closing it would give the lock up. Network file
 * systems keep this promise only as far as they keep POSIX locks.
 *
 * @throws STORE_LOCKED, with the owner's process id where it is known
 */
export async function lockStore(directory: string): Promise<StoreLock> {
  await makeDirectories(directory, { mode: 0o700 });
  const database = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    const pid = await ownerPid(directory);
    const owner = pid === undefined ? 'another process' : `process ${pid}`;
    throw logErrors.create('STORE_LOCKED', `${directory} is in use by ${owner}`, {
      details: { directory, ...(pid === undefined ? {} : { pid }) },
      cause: error,
    });
  }
  await chmod(join(directory, LOCK_FILE), 0o600);
  await writeFile(join(directory, OWNER_FILE), `${process.pid}\n`, { mode: 0o600 });
  let held = true;
  return {
    async release() {
      if (!held) return;
      held = false;
      await rm(join(directory, OWNER_FILE), { force: true });
      database.close();
    },
  };
}
