import { access, constants } from 'node:fs/promises';
import { errorCode, makeDirectories } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';

/** Makes the folder of the store unless it is there, for its owner only. Rejects STORE_FAILED when it cannot be used. */
export async function prepareDataFolder(path: string): Promise<void> {
  try {
    await makeDirectories(path, { mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause);
    throw discoveryErrors.create('STORE_FAILED', `the folder ${path} cannot be written to (${reason})`, {
      details: { path },
      cause,
    });
  }
}
