/**
 * The mark of an orderly end: a small file that says with which record the log was closed. It goes away when the store
 * is opened. With it, a store whose last segment was cut short (by a copy that broke off, say) is not mistaken for one
 * that crashed.
 */
import type { Storage } from '@muster/core';
import { errorCode, MusterError } from '@muster/core';
import { logErrors } from './errors.ts';
import { readU64, STORE_ID_BYTES, writeU64 } from './format.ts';
import { END_MARK, join, logDirectory, removeIfThere } from './layout.ts';
import { readSideFile, writeSideFile } from './side-file.ts';

const KIND = { kind: 'LOG-END', version: 1 };

export interface EndMark {
  readonly storeId: Buffer;
  readonly lastSeq: number;
}

export function endMarkPath(directory: string): string {
  return join(logDirectory(directory), END_MARK);
}

export async function writeEndMark(storage: Storage, directory: string, mark: EndMark): Promise<void> {
  const content = Buffer.alloc(STORE_ID_BYTES + 8);
  mark.storeId.copy(content, 0);
  writeU64(content, mark.lastSeq, STORE_ID_BYTES);
  await writeSideFile(storage, endMarkPath(directory), KIND, content);
}

/** @throws LOG_CORRUPT, STORE_VERSION */
export async function readEndMark(storage: Storage, directory: string): Promise<EndMark | undefined> {
  const path = endMarkPath(directory);
  try {
    const file = await readSideFile(storage, path, KIND.kind);
    if (file === undefined) return undefined;
    if (file.version !== KIND.version || file.content.length !== STORE_ID_BYTES + 8) {
      throw logErrors.create('STORE_VERSION', `${path} has version ${file.version}`, {
        details: { file: path, version: file.version, known: KIND.version },
      });
    }
    const content = Buffer.from(file.content);
    return { storeId: content.subarray(0, STORE_ID_BYTES), lastSeq: readU64(content, STORE_ID_BYTES) };
  } catch (cause) {
    if (errorCode(cause) !== 'SIDE_FILE_CORRUPT' || !(cause instanceof MusterError)) throw cause;
    throw logErrors.create('LOG_CORRUPT', cause.message, { details: { ...cause.details }, cause });
  }
}

/** Removes the mark, durably: from now on records may follow. */
export async function removeEndMark(storage: Storage, directory: string): Promise<void> {
  await removeIfThere(storage, endMarkPath(directory));
  await storage.syncDirectory(logDirectory(directory));
}
