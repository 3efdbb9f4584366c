import { dirname } from 'node:path';
import { errorCode, makeDirectories, MusterError } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import { Psk } from '../psk.ts';
import { readSmallFile, writeNewFile } from './files.ts';

/** A pre-shared key that was read. */
export interface LoadedPsk {
  readonly psk: Psk;
  /** Others than the owner may read the file: say so. */
  readonly isOpenToOthers: boolean;
}

/** Reads a swarm key file. Rejects PSK_INVALID when it is missing, unreadable or not in the layout (4.2). */
export async function readPskFile(path: string): Promise<LoadedPsk> {
  try {
    const file = await readSmallFile(path);
    if (file === undefined) throw invalid(path, `there is no pre-shared key file: ${path}`);
    return { psk: Psk.parse(file.text), isOpenToOthers: file.isOpenToOthers };
  } catch (cause) {
    if (cause instanceof MusterError && 'path' in cause.details) throw cause;
    // What the parser says quotes nothing of the file.
    const reason = cause instanceof MusterError ? cause.message : 'cannot be read';
    throw invalid(path, `${reason}: ${path}`, cause);
  }
}

/** Writes a key to a new file, mode 0600. Rejects PSK_INVALID when there is a file already, or on I/O errors. */
export async function createPskFile(path: string, psk: Psk): Promise<void> {
  try {
    await makeDirectories(dirname(path), { mode: 0o700 });
    await writeNewFile(path, psk.toText(), 0o600);
  } catch (cause) {
    const isThere = errorCode(cause) === 'EEXIST';
    const reason = isThere ? 'there is a file already, and a key is never overwritten' : 'cannot be written';
    throw invalid(path, `${reason}: ${path}`, cause);
  }
}

function invalid(path: string, message: string, cause?: unknown): MusterError {
  return discoveryErrors.create('PSK_INVALID', message, { details: { path }, cause });
}
