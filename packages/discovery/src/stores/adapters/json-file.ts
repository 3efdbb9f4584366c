/**
 * One JSON file that several programs read and change: the daemon, and the command line beside it.
 *
 * Fault model: the host may crash at any point, and another program may write at any time. A change is made under a lock
 * file, from what the file holds then, so none is lost; it is written to a file of its own, synced and renamed, so
 * readers see the old content or the new, whole. A lock of a program that died is broken after ten seconds. A file that
 * is damaged, too large or of another program is never written to.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, makeDirectories, MusterError, systemTimers } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import { syncDirectory } from '../../identity/adapters/files.ts';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const LOCK_RETRY_MS = 10;
const LOCK_WAIT_MS = 15_000;
const LOCK_STALE_MS = 10_000;

/** What tells two contents of a file apart without reading them. */
type Version = string;
const ABSENT: Version = 'absent';

/** A JSON file whose content `decode` checks; it throws for anything that it does not know. */
export class JsonFile<Content extends object> {
  readonly path: string;
  readonly #decode: (value: unknown) => Content;
  /** The version that was read, or written by us, last, and its content. */
  #version: Version | undefined;
  #content: Content | undefined;

  constructor(path: string, decode: (value: unknown) => Content) {
    this.path = path;
    this.#decode = decode;
  }

  /** The content, undefined when there is no file. Rejects STORE_INVALID, STORE_FAILED. */
  async read(): Promise<Content | undefined> {
    let file: FileHandle | undefined;
    let text: string;
    let version: Version;
    try {
      file = await open(this.path, 'r');
      const status = await file.stat({ bigint: true });
      version = versionOf(status);
      if (!status.isFile() || status.size > MAX_FILE_BYTES) {
        throw this.#invalid('it is no file, or too large');
      }
      text = await file.readFile('utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        this.#version = ABSENT;
        this.#content = undefined;
        return undefined;
      }
      throw error instanceof MusterError ? error : this.#failed('read', error);
    } finally {
      await file?.close();
    }
    try {
      this.#content = this.#decode(JSON.parse(text));
      this.#version = version;
      return this.#content;
    } catch (error) {
      throw this.#invalid(error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message);
    }
  }

  /** Whether the file is another than the one that was read, or written by us, last. Rejects STORE_FAILED. */
  async hasChanged(): Promise<boolean> {
    try {
      return versionOf(await stat(this.path, { bigint: true })) !== this.#version;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return this.#version !== ABSENT;
      throw this.#failed('read', error);
    }
  }

  /**
   * Replaces the content by what `change` makes of it, durably; mode 0600. Rejects STORE_INVALID when the file is
   * damaged, which leaves it as it is, and STORE_FAILED.
   */
  async update(change: (content: Content | undefined) => Content): Promise<Content> {
    const unlock = await this.#lock();
    try {
      const content = change((await this.hasChanged()) ? await this.read() : this.#content);
      await this.#write(`${JSON.stringify(content, undefined, 1)}\n`);
      this.#content = content;
      return content;
    } finally {
      await unlock();
    }
  }

  async #write(text: string): Promise<void> {
    const temporary = `${this.path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
        await rename(temporary, this.path);
        // The renaming changes the file's times.
        this.#version = versionOf(await file.stat({ bigint: true }));
      } finally {
        await file.close();
      }
      await syncDirectory(dirname(this.path));
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw this.#failed('written', error);
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    const path = `${this.path}.lock`;
    try {
      await makeDirectories(dirname(this.path), { mode: 0o700 });
      for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
        if (await isCreated(path)) break;
        if (waitedMs >= LOCK_WAIT_MS) throw new Error(`another program holds ${path}`);
        await breakStaleLock(path);
        await systemTimers.sleep(LOCK_RETRY_MS);
      }
    } catch (error) {
      throw this.#failed('locked', error);
    }
    return async () => unlink(path).catch(() => {});
  }

  #invalid(reason: string): MusterError {
    return discoveryErrors.create('STORE_INVALID', `the store file ${this.path} is damaged: ${reason}`, {
      hint: 'Repair it, or move it away: it is never overwritten while it is damaged.',
      details: { path: this.path },
    });
  }

  #failed(verb: string, cause: unknown): MusterError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return discoveryErrors.create(
      'STORE_FAILED',
      `the store file ${this.path} cannot be ${verb}: ${reason}`,
      {
        details: { path: this.path },
        cause,
      },
    );
  }
}

function versionOf(status: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): Version {
  return `${status.ino} ${status.size} ${status.mtimeNs} ${status.ctimeNs}`;
}

async function isCreated(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.close();
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a program that has died; one that lives holds it for milliseconds. */
async function breakStaleLock(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > LOCK_STALE_MS) await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
