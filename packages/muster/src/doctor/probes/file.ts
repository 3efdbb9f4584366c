/** What the system says of a file, and as much of its content as is needed to know what it is. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '@muster/core';

/** Keys, tokens and swarm keys are far smaller. */
const MAX_SECRET_BYTES = 16_384;

/** Owner and rights. */
export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  /** Permission bits; undefined where the system has none. */
  readonly mode: number | undefined;
  readonly uid: number;
  readonly isWritable: boolean;
  readonly bytes: number;
}

/** A file or folder; the system's code when it can't be looked at. */
export type LookedAt =
  | { readonly kind: 'found'; readonly facts: FileFacts }
  | { readonly kind: 'failure'; readonly code: string };

/** Never rejects. */
export async function lookAt(path: string): Promise<LookedAt> {
  try {
    const status = await stat(path);
    return {
      kind: 'found',
      facts: {
        kind: status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other',
        mode: process.platform === 'win32' ? undefined : status.mode & 0o7777,
        uid: status.uid,
        isWritable: await isWritable(path),
        bytes: status.size,
      },
    };
  } catch (error) {
    return { kind: 'failure', code: errorCode(error) ?? String(error) };
  }
}

/** What is in a small file, and who can change it or its folder. */
export type SecretLook =
  | {
      readonly kind: 'found';
      readonly facts: FileFacts;
      readonly folder: FileFacts | undefined;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'failure'; readonly code: string };

/** Never rejects. */
export async function lookAtSecret(path: string): Promise<SecretLook> {
  const looked = await lookAt(path);
  if (looked.kind === 'failure') return looked;
  const folder = await lookAt(dirname(path));
  const facts = { ...looked.facts };
  const folderFacts = folder.kind === 'found' ? folder.facts : undefined;
  if (facts.kind !== 'file') return { kind: 'found', facts, folder: folderFacts, bytes: new Uint8Array() };
  try {
    return { kind: 'found', facts, folder: folderFacts, bytes: await firstBytes(path) };
  } catch (error) {
    return { kind: 'failure', code: errorCode(error) ?? String(error) };
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  const buffer = Buffer.alloc(MAX_SECRET_BYTES + 1);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return buffer.subarray(0, bytesRead);
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
