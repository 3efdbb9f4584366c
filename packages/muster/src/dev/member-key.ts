import { MusterError } from '@muster/core';
import { loadKeyPair } from '@muster/discovery/keys';
import { fleetPaths } from './plan.ts';

/** Makes the key of a member unless it has one. Rejects KEY_FILE_INVALID with what to do about it. */
export async function ensureMemberKey(folder: string, name: string): Promise<void> {
  const paths = fleetPaths(folder);
  const files = { privateKeyPath: paths.key(name), publicKeyPath: paths.publicKey(name) };
  try {
    await loadKeyPair(files, { generate: true });
  } catch (error) {
    if (!(error instanceof MusterError)) throw error;
    throw new MusterError(error.code, error.message, {
      hint: `Put the files back, or remove both: ${name} gets a new key then, and is another peer.`,
      details: { ...error.details },
      cause: error,
    });
  }
}
