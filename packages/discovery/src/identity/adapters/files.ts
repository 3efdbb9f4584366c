import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '@muster/core';

/** Key files have a few hundred bytes; anything much larger is something else, a device for one. */
const MAX_FILE_BYTES = 16_384;

/** File systems without hard links answer with one of these. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A small text file that was read. */
export interface SmallFile {
  readonly text: string;
  /** Whether others than the owner may read or write it; always false on Windows, which has no such bits. */
  readonly isOpenToOthers: boolean;
}

/** Reads a small regular file; undefined when there is none. Rejects for anything else, without quoting its content. */
export async function readSmallFile(path: string): Promise<SmallFile | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const status = await file.stat();
    if (!status.isFile() || status.size > MAX_FILE_BYTES) throw new Error('not a small regular file');
    const isOpenToOthers = process.platform !== 'win32' && (status.mode & 0o077) !== 0;
    return { text: await file.readFile('utf8'), isOpenToOthers };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}

/**
 * Writes a new file of the given mode, whole and durable when it bears its name; rejects with EEXIST when there is one
 * already, which is never touched.
 */
export async function writeNewFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeExclusively(temporary, text, mode);
  try {
    await link(temporary, path);
  } catch (error) {
    if (!NO_HARD_LINKS.has(errorCode(error) ?? '')) throw error;
    await writeExclusively(path, text, mode);
  } finally {
    await unlink(temporary);
  }
  await syncDirectory(dirname(path));
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows can't open a directory, and needs no sync to keep a name.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeExclusively(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    // The mode of a new file is cut by the umask.
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
