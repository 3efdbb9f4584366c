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
 * Makes the file unless it is there, for its owner only, and locks it; undefined when another process has it. The lock ends with this
 * process, however that ends. Rejects with errors of the system.
 */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  await chmod(path, 0o600);
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
