/** Secrets in files that only their owner can read. */
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { errorCode } from '@muster/core';
import { fleetErrors } from './fleet-errors.ts';

const SECRET_BYTES = 32;

/**
 * The secret in a file, made of random bytes when there is none. Rejects FLEET_FOLDER_DAMAGED when the file is empty or others
 * may read it; errors of the system.
 */
export async function readOrCreateSecret(path: string): Promise<string> {
  const made = randomBytes(SECRET_BYTES).toString('base64url');
  try {
    await writeFile(path, `${made}\n`, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return await readSecret(path);
}

/** The secret in a file. Rejects as {@link readOrCreateSecret} does. */
export async function readSecret(path: string): Promise<string> {
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
    throw fleetErrors.create('FLEET_FOLDER_DAMAGED', `others may read the secret in ${path}`, {
      hint: `Run: chmod 600 ${path}`,
      details: { path },
    });
  }
  const text = (await readFile(path, 'utf8')).trim();
  if (text !== '') return text;
  throw fleetErrors.create('FLEET_FOLDER_DAMAGED', `${path} is empty`, {
    hint: 'Remove it: a new one is made at the next start.',
    details: { path },
  });
}
