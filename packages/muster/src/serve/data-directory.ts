/** The data folder: which one is meant, and whether there is a store in it. */
import { constants } from 'node:fs';
import { access, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';

/** Folders that a store consists of. */
const STORE_FOLDERS = ['log', 'snapshots'];

/** Refuses a path that is, or would be, a file of the original. Throws DATA_OF_ORIGINAL. */
export async function refuseOriginalStore(path: string): Promise<void> {
  let isFile: boolean;
  try {
    isFile = (await stat(path)).isFile();
  } catch (error) {
    // Whatever else is wrong with the path shows when it is used.
    isFile = errorCode(error) === 'ENOENT' && path.endsWith('.json');
  }
  if (!isFile) return;
  throw cliErrors.create('DATA_OF_ORIGINAL', `${path} is a store of the original, or would be one: a file`, {
    hint: `Import it once: muster registry import --from ${path} --data <new folder>; then serve that folder.`,
    details: { path },
  });
}

/**
 * Makes the data folder unless it is there, for its owner only, and sees that it can be written to. Throws
 * DATA_OF_ORIGINAL, DATA_UNUSABLE; errors of the system.
 */
export async function prepareDataDirectory(path: string): Promise<void> {
  await refuseOriginalStore(path);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause);
    throw cliErrors.create('DATA_UNUSABLE', `the data folder ${path} cannot be written to (${reason})`, {
      details: { path },
      cause,
    });
  }
}

/** Refuses a folder that holds no store. Throws DATA_NOT_FOUND, DATA_OF_ORIGINAL; errors of the system. */
export async function requireStore(path: string): Promise<void> {
  await refuseOriginalStore(path);
  if (await holdsStore(path)) return;
  throw cliErrors.create('DATA_NOT_FOUND', `${path} holds no store`, { details: { path } });
}

/** Whether there is a store, or what is left of one. */
export async function holdsStore(path: string): Promise<boolean> {
  for (const folder of STORE_FOLDERS) {
    try {
      if ((await readdir(join(path, folder))).length > 0) return true;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
    }
  }
  return false;
}
