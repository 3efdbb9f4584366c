import { chmod, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, makeDirectories } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { coordinationErrors } from '../../errors.ts';
import { encodeIdentityFile, parseIdentityFile } from '../identity-file.ts';

/** An identity, and whether this call has made its file. */
export interface LoadedIdentity {
  readonly identity: Identity;
  readonly isNew: boolean;
}

/**
 * Reads the identity file, or makes it (mode 0600, its folder 0755) when there is none. An empty path gives an identity
 * for this run only. Rejects IDENTITY_INVALID when the file is there and cannot be used, or cannot be written (17.1).
 */
export async function loadIdentity(path: string): Promise<LoadedIdentity> {
  if (path === '') return { identity: Identity.generate(), isNew: true };
  try {
    return { identity: parseIdentityFile(await readFile(path)), isNew: false };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { identity: await createFile(path), isNew: true };
    throw invalid(path, error);
  }
}

async function createFile(path: string): Promise<Identity> {
  const identity = Identity.generate();
  try {
    await makeDirectories(dirname(path), { mode: 0o755 });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(encodeIdentityFile(identity));
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(path, 0o600);
    return identity;
  } catch (error) {
    throw invalid(path, error);
  }
}

function invalid(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return coordinationErrors.create('IDENTITY_INVALID', `the identity file ${path}: ${reason}`, {
    cause,
    details: { path },
  });
}
