/** The data folder: which one is meant, and whether there is a store in it. */
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, makeDirectories } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';

/** Folders that a store consists of. */
const STORE_FOLDERS = ['log', 'snapshots'];

/** Refuses a path that is, or would be, a file of the original. Throws DATA_OF_ORIGINAL. */
export async function refuseOriginalStore(path: string): Promise<void> {
  let what: string | undefined;
  try {
    if ((await stat(path)).isFile()) what = 'is a file';
  } catch (error) {
    // Whatever else is wrong with the path shows when it is used.
    if (errorCode(error) === 'ENOENT' && path.endsWith('.json')) what = 'has the name of a file';
  }
  if (what === undefined) return;
  throw cliErrors.create(
    'DATA_OF_ORIGINAL',
    `${path} ${what}, as stores of the original are; ours is a folder`,
    {
      hint:
        'Name a folder with --data. To bring a store of the original over, import it once: ' +
        `muster registry import --from ${path} --data <new folder>`,
      details: { path },
    },
  );
}

/**
 * Makes the data folder unless it is there, for its owner only, and sees that it can be written to. Throws
 * DATA_OF_ORIGINAL, DATA_UNUSABLE.
 */
export async function prepareDataDirectory(path: string): Promise<void> {
  await refuseOriginalStore(path);
  await makeDataDirectory(path);
}

/** The same of a folder that is no store. Throws DATA_UNUSABLE. */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeDirectories(path, { mode: 0o700 });
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
