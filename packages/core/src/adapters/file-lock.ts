/** An entry of its own, so that only who locks files loads SQLite. */
import { chmod } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY, with whatever extended code in the upper bytes. */
const SQLITE_BUSY = 5;

/** A file that no other process has. */
export interface FileLock {
  /** Lets others have it. Harmless when repeated. */
  release(): void;
}

/**
 * Makes the file unless it is there and locks it; undefined when another process has it. The lock is one of the operating system, held by
 * an open SQLite transaction: it ends with this process, however that ends, so there is no stale lock and no process id to be mistaken.
 * Nothing may open the file by other means, as closing it would give the lock up. Network file systems keep this promise only as far as
 * they keep POSIX locks. With `mode` the file gets it. Rejects with errors of the system.
 */
export async function lockFile(
  path: string,
  { mode }: { readonly mode?: number } = {},
): Promise<FileLock | undefined> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  if (mode !== undefined) await chmod(path, mode);
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;
}
