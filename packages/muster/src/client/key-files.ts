/** The key of a node, and the id that each registry gave it. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createKeyFile, Identity, readKeyFile, readOrCreateKeyFile } from '@muster/core/identity';
import { errorCode, makeDirectories } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';

/** Ids by address of the registry. */
type KnownIds = Readonly<Record<string, number>>;

/** Puts the home folder in the place of a leading `~/`: no shell has done so for a default or a file of settings. */
export function expandHome(path: string, homeDirectory: string): string {
  return path.startsWith('~/') ? join(homeDirectory, path.slice(2)) : path;
}

/** Reads a key. Throws the KEY_FILE codes of the core. */
export async function readKey(path: string): Promise<Identity> {
  return await readKeyFile(path);
}

/** Reads a key; undefined when there is none. */
export async function readKeyIfThere(path: string): Promise<Identity | undefined> {
  try {
    return await readKeyFile(path);
  } catch (error) {
    if (errorCode(error) === 'KEY_FILE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Reads a key, or makes it and its folder. */
export async function readOrCreateKey(
  path: string,
): Promise<{ readonly identity: Identity; readonly created: boolean }> {
  await makeFolder(path);
  return await readOrCreateKeyFile(path);
}

/** Makes a key, and its folder. Throws KEY_FILE_EXISTS. */
export async function createKey(path: string): Promise<Identity> {
  const identity = Identity.generate();
  await makeFolder(path);
  await createKeyFile(path, identity);
  return identity;
}

async function makeFolder(path: string): Promise<void> {
  await makeDirectories(dirname(path), { mode: 0o700 });
}

/** Where the ids of a key are noted. */
export function idsPath(keyPath: string): string {
  return `${keyPath}.ids.json`;
}

/** The id that a registry gave to the key; undefined when none is noted. Throws FILE_UNUSABLE. */
export async function knownNodeId(keyPath: string, registry: string): Promise<number | undefined> {
  return (await readIds(keyPath))[registry];
}

/** Notes the id that a registry gave to the key, or with undefined forgets it. */
export async function noteNodeId(
  keyPath: string,
  registry: string,
  nodeId: number | undefined,
): Promise<void> {
  const { [registry]: _, ...others } = await readIds(keyPath);
  const ids = nodeId === undefined ? others : { ...others, [registry]: nodeId };
  const path = idsPath(keyPath);
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(ids, undefined, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

async function readIds(keyPath: string): Promise<KnownIds> {
  const path = idsPath(keyPath);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw error;
  }
  try {
    const ids: unknown = JSON.parse(text);
    if (typeof ids === 'object' && ids !== null && Object.values(ids).every((id) => Number.isInteger(id))) {
      return ids as KnownIds;
    }
  } catch {
    // Told below, like any other text that is not what it should be.
  }
  throw cliErrors.create('FILE_UNUSABLE', `${path} does not hold ids of nodes`, {
    hint: 'Remove it and run `muster nodes register` again: the node keeps its id.',
    details: { path },
  });
}
