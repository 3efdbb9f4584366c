import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '@muster/core';
import { lockFile } from '@muster/core/file-lock';
import { logErrors } from '../errors.ts';

/** A store that this process owns. */
export interface StoreLock {
  /** Lets others have it. Harmless when repeated. */
  release(): Promise<void>;
}

const LOCK_FILE = 'LOCK';
const OWNER_FILE = 'LOCK-OWNER';
async function ownerPid(directory: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(join(directory, OWNER_FILE), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes this process the only owner of a store on this host, with the lock of the core on the file LOCK.
 *
 * @throws STORE_LOCKED, with the owner's process id where it is known
 */
export async function lockStore(directory: string): Promise<StoreLock> {
  await makeDirectories(directory, { mode: 0o700 });
  const lock = await lockFile(join(directory, LOCK_FILE), { mode: 0o600 });
  if (lock === undefined) {
    const pid = await ownerPid(directory);
    const owner = pid === undefined ? 'another process' : `process ${pid}`;
    throw logErrors.create('STORE_LOCKED', `${directory} is in use by ${owner}`, {
      details: { directory, ...(pid === undefined ? {} : { pid }) },
    });
  }
  await writeFile(join(directory, OWNER_FILE), `${process.pid}\n`, { mode: 0o600 });
  let held = true;
  return {
    async release() {
      if (!held) return;
      held = false;
      await rm(join(directory, OWNER_FILE), { force: true });
      lock.release();
    },
  };
}
