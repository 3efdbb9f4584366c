import { createHash, type Hash } from 'node:crypto';
import { DIGEST_PREFIX } from '../digest.ts';
import { coordinationErrors } from '../errors.ts';
import type { StoreWriter } from '../parts.ts';
import type { Digest } from '../types.ts';
import type { StoreFile } from './files.ts';
import { storageError } from './storage-error.ts';

/** Reads what a writer has written so far, and goes on doing so after commit, abort and eviction. */
export interface WriterFollower {
  /** Fills `target` from `position`; fewer bytes only where nothing is written yet. */
  read(position: number, target: Uint8Array): Promise<number>;
  /** Ends the reading. Harmless when repeated. */
  close(): Promise<void>;
}

/** A writer whose file can be followed. */
export interface FollowableWriter extends StoreWriter {
  /** Tells the size as soon as it is known: room is made for it. Rejects STORAGE_UNAVAILABLE. */
  expect(size: number): Promise<void>;
  /** Begins to follow the file. */
  follow(): WriterFollower;
}

/** What a writer needs of its store. */
export interface WriterHome {
  /** Makes sure that the disk has room; rejects STORAGE_UNAVAILABLE. */
  readonly reserve: (size: number) => Promise<void>;
  /** Puts a verified, synced temporary file in its place, or drops it when it is too large for the budget. */
  readonly admit: (path: string, digest: Digest, size: number) => Promise<boolean>;
  readonly discard: (path: string) => Promise<void>;
}

/**
 * Writes one object to a temporary file with a running SHA-256 (16.2). Nothing is visible before `commit` has resolved,
 * and nothing is left after `abort`, a mismatch, or any failure of the disk. Calls come one after the other.
 */
export class FileStoreWriter implements FollowableWriter {
  readonly path: string;
  readonly #digest: Digest;
  readonly #file: StoreFile;
  readonly #home: WriterHome;
  readonly #hash: Hash = createHash('sha256');
  readonly #onEnd: () => void;
  #bytesWritten = 0;
  #expected: number | undefined;
  #isEnded = false;
  #committing: Promise<{ readonly size: number; readonly isAdmitted: boolean }> | undefined;
  /** The writer itself and its followers. The file is closed when nobody uses it any more. */
  #users = 1;

  constructor(options: {
    readonly path: string;
    readonly digest: Digest;
    readonly file: StoreFile;
    readonly home: WriterHome;
    readonly size: number | undefined;
    readonly onEnd: () => void;
  }) {
    this.path = options.path;
    this.#digest = options.digest;
    this.#file = options.file;
    this.#home = options.home;
    this.#expected = options.size;
    this.#onEnd = options.onEnd;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Bytes that are still to come, as far as that is known. */
  get announcedBytes(): number {
    return Math.max(0, (this.#expected ?? 0) - this.#bytesWritten);
  }

  async expect(size: number): Promise<void> {
    if (this.#expected === size) return;
    this.#expected = undefined;
    try {
      if (size > this.#bytesWritten) await this.#home.reserve(size - this.#bytesWritten);
    } finally {
      this.#expected = size;
    }
  }

  async write(data: Uint8Array): Promise<void> {
    this.#requireOpen();
    this.#hash.update(data);
    try {
      await this.#file.write(this.#bytesWritten, data);
    } catch (error) {
      await this.#drop();
      throw storageError(error, 'an object could not be written');
    }
    this.#bytesWritten += data.length;
  }

  commit(): Promise<{ readonly size: number; readonly isAdmitted: boolean }> {
    this.#committing ??= this.#commit();
    return this.#committing;
  }

  async abort(): Promise<void> {
    // A commit that has begun ends by itself, one way or the other.
    if (this.#committing === undefined) await this.#drop();
    else await this.#committing.catch(() => {});
  }

  async #commit(): Promise<{ readonly size: number; readonly isAdmitted: boolean }> {
    this.#requireOpen();
    const size = this.#bytesWritten;
    const actual = `${DIGEST_PREFIX}${this.#hash.digest('hex')}`;
    if (actual !== this.#digest || (this.#expected !== undefined && this.#expected !== size)) {
      await this.#drop();
      throw coordinationErrors.create('DIGEST_MISMATCH', 'the bytes are not those of the digest', {
        details: { digest: this.#digest, actual, size, expectedSize: this.#expected },
      });
    }
    try {
      await this.#file.sync();
      const isAdmitted = await this.#home.admit(this.path, this.#digest, size);
      await this.#end();
      return { size, isAdmitted };
    } catch (error) {
      await this.#drop();
      throw storageError(error, 'an object could not be committed');
    }
  }

  async #drop(): Promise<void> {
    if (this.#isEnded) return;
    await this.#end();
    await this.#home.discard(this.path);
  }

  follow(): WriterFollower {
    this.#users += 1;
    let isOpen = true;
    return {
      read: async (position, target) => {
        try {
          return await this.#file.read(position, target);
        } catch (error) {
          throw storageError(error, 'an object could not be read back');
        }
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        await this.#leave();
      },
    };
  }

  #requireOpen(): void {
    if (this.#isEnded) throw new Error('the writer has ended');
  }

  async #end(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    try {
      await this.#file.close();
    } catch {
      // What matters was synced before; a file that is thrown away needs no orderly end.
    }
  }
}
