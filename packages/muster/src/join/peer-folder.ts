/**
 * The folder of a peer that joins a fleet: its key, and the secrets that the fleet gives it.
 *
 * What it guarantees: nothing that was there before is written over or removed; when the join comes to nothing, everything that
 * it has made is removed.
 */
import { constants } from 'node:fs';
import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, makeDirectories } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { loadKeyPair } from '@muster/discovery/keys';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { writeWhole } from '../fleet/fleet-files.ts';

export interface PeerFolder {
  readonly path: string;
  readonly identity: Identity;
  readonly privateKeyPath: string;
  readonly publicKeyPath: string;
  readonly pskPath: string;
  readonly networkTokenPath: string;
  /** Whether the key was made just now: then nobody knows it yet. */
  readonly isNewKey: boolean;
  /** Writes the secrets; mode 0600. */
  keep(secrets: { readonly psk: string; readonly networkToken: string }): Promise<void>;
  /** Removes what was made. Never rejects. */
  undo(): Promise<void>;
}

/** Name of the key in the folder, unless another one is given. */
const KEY_NAME = 'key.pem';
/** What a peer has in its folder, for telling such a folder from others. */
const SECRET_NAMES = ['psk', 'network-token'];

/**
 * Makes the folder, and a key when there is none; or takes those of a peer that has joined before. Rejects JOIN_FOLDER, the
 * KEY_FILE codes; errors of the system.
 */
export async function openPeerFolder(path: string, keyPath: string | undefined): Promise<PeerFolder> {
  const made = await makeFolder(path);
  const privateKeyPath = keyPath ?? join(path, KEY_NAME);
  const publicKeyPath = join(path, 'key.pub.pem');
  const undo = async (): Promise<void> => {
    if (isNewKey) for (const file of [privateKeyPath, publicKeyPath]) await rm(file, { force: true });
    // The topmost of the folders that were made; none when it was there.
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  };
  let isNewKey = false;
  try {
    const pair = await loadKeyPair({ privateKeyPath, publicKeyPath }, { generate: true });
    isNewKey = pair.isNew;
    const [pskPath = '', networkTokenPath = ''] = SECRET_NAMES.map((name) => join(path, name));
    return {
      path,
      identity: pair.identity,
      privateKeyPath,
      publicKeyPath,
      pskPath,
      networkTokenPath,
      isNewKey,
      keep: async ({ psk, networkToken }) => {
        await writeWhole(pskPath, psk);
        await writeWhole(networkTokenPath, `${networkToken}\n`);
      },
      undo: () => undo().catch(() => {}),
    };
  } catch (error) {
    await undo().catch(() => {});
    throw error;
  }
}

/** The topmost folder that was made; undefined when all were there. */
async function makeFolder(path: string): Promise<string | undefined> {
  try {
    const made = await makeDirectories(path, { mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (made !== undefined) return made;
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause);
    throw fleetErrors.create('JOIN_FOLDER', `the folder ${path} cannot be used (${reason})`, {
      hint: 'Name another one with --peer-data.',
      details: { path },
      cause,
    });
  }
  const names = await readdir(path);
  if (names.length === 0 || names.includes(KEY_NAME)) return undefined;
  throw fleetErrors.create('JOIN_FOLDER', `the folder ${path} is not empty, and no peer's`, {
    hint: 'Name another one with --peer-data.',
    details: { path },
  });
}
