/** One demo at a time with one fleet: two would spoil each other's figures. The lock ends with the process, however that ends. */
import { chmod } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { fleetErrors } from '../../fleet/fleet-errors.ts';

/** SQLITE_BUSY, with whatever extended code in the upper bytes. */
const SQLITE_BUSY = 5;

export class DemoLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Rejects DEMO_RUNNING; errors of the system. */
  static async take(path: string): Promise<DemoLock> {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (!isBusy(error)) throw error;
      throw fleetErrors.create('DEMO_RUNNING', 'another demo runs with this fleet', { cause: error });
    }
    await chmod(path, 0o600);
    return new DemoLock(database);
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;
}
