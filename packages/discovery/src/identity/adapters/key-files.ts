/**
 * The key pair of a peer in two PEM files (discovery spec 4.1), or the private key alone, which the public one is told from.
 *
 * Fault model: a key that is lost cannot be made again, so no file is ever overwritten, and new keys are made only when
 * that was asked for. A crash between the two files leaves a private key, to which the next start adds the public one.
 */

import { dirname } from 'node:path';
import { errorCode, makeDirectories, MusterError } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { discoveryErrors } from '../../errors.ts';
import { identityFromPems, publicKeyPem } from '../key-pair.ts';
import { readSmallFile, type SmallFile, writeNewFile } from './files.ts';

export interface KeyPairFiles {
  readonly privateKeyPath: string;
  /** @default none: the private key is enough */
  readonly publicKeyPath?: string | undefined;
}

export interface LoadedKeyPair {
  readonly identity: Identity;
  /** Whether a new key was made. */
  readonly isNew: boolean;
  /** Others than the owner may read the private key: say so. */
  readonly isOpenToOthers: boolean;
}

/**
 * Loads the key pair. With `generate`, files that are missing are made: both with a new key (modes 0600 and 0644), or
 * the public one from the private one. Rejects KEY_FILE_INVALID when a file is missing, unreadable or no Ed25519 key, or
 * when they are not of one pair.
 */
export async function loadKeyPair(
  paths: KeyPairFiles,
  options: { readonly generate: boolean },
): Promise<LoadedKeyPair> {
  const privateFile = await read(paths.privateKeyPath);
  const { publicKeyPath } = paths;
  const publicFile = publicKeyPath === undefined ? undefined : await read(publicKeyPath);
  if (privateFile !== undefined) {
    const isMissing = publicKeyPath !== undefined && publicFile === undefined;
    if (isMissing && !options.generate) throw missing(publicKeyPath);
    const publicPem = publicFile?.text ?? publicPemOf(privateFile.text, paths);
    const identity = naming(paths, () => identityFromPems(privateFile.text, publicPem));
    if (isMissing) await write(publicKeyPath, publicPem, 0o644);
    return { identity, isNew: false, isOpenToOthers: privateFile.isOpenToOthers };
  }
  if (!options.generate) throw missing(paths.privateKeyPath);
  return { identity: await createKeyPair(paths), isNew: true, isOpenToOthers: false };
}

/** Makes a new key pair and writes both files. Rejects KEY_FILE_INVALID when either is there already, or on I/O errors. */
export async function createKeyPair({ privateKeyPath, publicKeyPath }: KeyPairFiles): Promise<Identity> {
  if (publicKeyPath !== undefined && (await read(publicKeyPath)) !== undefined) throw present(publicKeyPath);
  const identity = Identity.generate();
  await write(privateKeyPath, identity.toPem(), 0o600);
  if (publicKeyPath !== undefined) await write(publicKeyPath, publicKeyPem(identity), 0o644);
  return identity;
}

function publicPemOf(privatePem: string, paths: KeyPairFiles): string {
  try {
    return publicKeyPem(Identity.fromPem(privatePem));
  } catch {
    throw invalid(paths.privateKeyPath, `not an Ed25519 private key in PEM: ${paths.privateKeyPath}`);
  }
}

/** Adds the paths to what is wrong with the contents. */
function naming<T>(paths: KeyPairFiles, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const message = error instanceof MusterError ? error.message : 'unreadable';
    const files = [paths.privateKeyPath, ...(paths.publicKeyPath === undefined ? [] : [paths.publicKeyPath])];
    throw invalid(paths.privateKeyPath, `${message}: ${files.join(', ')}`);
  }
}

async function read(path: string): Promise<SmallFile | undefined> {
  try {
    return await readSmallFile(path);
  } catch (cause) {
    throw invalid(path, `the key file cannot be read: ${path}`, cause);
  }
}

async function write(path: string, text: string, mode: number): Promise<void> {
  try {
    await makeDirectories(dirname(path), { mode: 0o700 });
    await writeNewFile(path, text, mode);
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') throw present(path);
    throw invalid(path, `the key file cannot be written: ${path}`, cause);
  }
}

function missing(path: string): MusterError {
  return invalid(path, `there is no key file: ${path}`);
}

function present(path: string): MusterError {
  return invalid(path, `there is a file already, and a key is never overwritten: ${path}`);
}

function invalid(path: string, message: string, cause?: unknown): MusterError {
  return discoveryErrors.create('KEY_FILE_INVALID', message, { details: { path }, cause });
}
