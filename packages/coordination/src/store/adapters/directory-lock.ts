import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectories } from '@muster/core';
import { coordinationErrors } from '../../errors.ts';

const PID_FILE = '.lock';
const HELD_FILE = '.lock.held';
/** SQLITE_BUSY, with whatever extended code in the upper bytes. */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;
}

async function ownerOf(directory: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(join(directory, PID_FILE), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes this process the only user of a cache folder on this host (16.1). The file `.lock` has its process id, for
 * people; what holds is a lock of the operating system, of an open SQLite transaction on `.lock.held`. It ends with the
 * process, however that ends: in a container, where every start has the same process id, a file alone could not tell a
 * dead owner from a live one. Rejects STORE_LOCKED, with the owner's process id where it is known.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await makeDirectories(directory, { mode: 0o755 });
  const database = new DatabaseSync(join(directory, HELD_FILE), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    const pid = await ownerOf(directory);
    const owner = pid === undefined ? 'another process' : `process ${pid}`;
    throw coordinationErrors.create('STORE_LOCKED', `${directory} is in use by ${owner}`, {
      details: { directory, ...(pid === undefined ? {} : { pid }) },
      cause: error,
    });
  }
  await writeFile(join(directory, PID_FILE), `${process.pid}\n`, { mode: 0o644 });
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    await rm(join(directory, PID_FILE), { force: true });
    database.close();
  };
}
