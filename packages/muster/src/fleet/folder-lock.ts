/**
 * Makes one process the only supervisor of a fleet's folder on this host, with the lock of the core on the file LOCK.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '@muster/core/file-lock';
import { fleetErrors } from './fleet-errors.ts';

const LOCK_FILE = 'LOCK';
const OWNER_FILE = 'LOCK-OWNER';

/** A folder that this process owns. */
export interface FolderLock {
  /** Lets others have it. Harmless when repeated. */
  release(): Promise<void>;
}

/** Takes the lock. Rejects FLEET_RUNNING, with the process id where it is known; errors of the system. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const lock = await lockFile(join(folder, LOCK_FILE), { mode: 0o600 });
  if (lock === undefined) throw await running(folder);
  await writeFile(join(folder, OWNER_FILE), `${process.pid}\n`, { mode: 0o600 });
  let isHeld = true;
  return {
    async release() {
      if (!isHeld) return;
      isHeld = false;
      await rm(join(folder, OWNER_FILE), { force: true });
      lock.release();
    },
  };
}

async function running(folder: string): Promise<Error> {
  const pid = await ownerOf(folder);
  const owner = pid === undefined ? 'another process' : `process ${pid}`;
  const stop = pid === undefined ? 'Stop it' : `Stop it with Ctrl-C in its terminal (or: kill ${pid})`;
  return fleetErrors.create('FLEET_RUNNING', `a fleet runs in ${folder} already: ${owner}`, {
    hint: `${stop}, or start a second fleet in a folder of its own: --data <folder>`,
    details: { folder, ...(pid === undefined ? {} : { pid }) },
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
