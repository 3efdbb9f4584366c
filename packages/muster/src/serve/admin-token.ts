import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, readSecretFile } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';

/** Name of the file in the data folder that `muster dev` keeps the admin token in. */
export const ADMIN_TOKEN_FILE_NAME = 'admin-token';

const TOKEN_BYTES = 32;

/**
 * The admin token of the data folder, made when there is none: a file that only its owner can read. Throws
 * FILE_UNUSABLE when others may read the file, or when it is empty.
 */
export async function readOrCreateAdminToken(directory: string): Promise<{ token: string; path: string }> {
  const path = join(directory, ADMIN_TOKEN_FILE_NAME);
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${token}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return { token, path };
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const { text, mode } = readSecretFile(path);
  if (mode !== undefined && (mode & 0o077) !== 0) {
    throw cliErrors.create('FILE_UNUSABLE', `others may read the admin token in ${path}`, {
      hint: `Run: chmod 600 ${path}`,
      details: { path },
    });
  }
  const stored = text.trim();
  if (stored !== '') return { token: stored, path };
  throw cliErrors.create('FILE_UNUSABLE', `the admin token in ${path} is empty`, {
    hint: 'Remove the file: a new token is made at the next start.',
    details: { path },
  });
}
