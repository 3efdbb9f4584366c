import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '@muster/core';
import { lockFile } from '@muster/core/file-lock';
import { coordinationErrors } from '../../errors.ts';

const PID_FILE = '.lock';
const HELD_FILE = '.lock.held';

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
 * people; what holds is the core's lock on `.lock.held`, which ends with the process: in a container, where every start
 * has the same process id, a file alone could not tell a dead owner from a live one. Rejects STORE_LOCKED, with the owner's process id where it is known.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await makeDirectories(directory, { mode: 0o755 });
  const lock = await lockFile(join(directory, HELD_FILE));
  if (lock === undefined) {
    const pid = await ownerOf(directory);
    const owner = pid === undefined ? 'another process' : `process ${pid}`;
    throw coordinationErrors.create('STORE_LOCKED', `${directory} is in use by ${owner}`, {
      details: { directory, ...(pid === undefined ? {} : { pid }) },
    });
  }
  await writeFile(join(directory, PID_FILE), `${process.pid}\n`, { mode: 0o644 });
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    await rm(join(directory, PID_FILE), { force: true });
    lock.release();
  };
}
