import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from '../errors.ts';
import type { Storage, StorageEntry, StorageFile } from '../ports/index.ts';
import { makeDirectories } from './make-directories.ts';

const OPEN_FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const;

class DiskFile implements StorageFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(length);
    const filled = await this.readInto(position, buffer);
    return filled === length ? buffer : buffer.subarray(0, filled);
  }

  async readInto(position: number, target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.#handle.read(
        target,
        filled,
        target.length - filled,
        position + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async write(position: number, data: Uint8Array): Promise<void> {
    let written = 0;
    while (written < data.length) {
      const result = await this.#handle.write(data, written, data.length - written, position + written);
      written += result.bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The host's file system. Errors of the system are passed on as they are, with their `code`. */
export const fileStorage: Storage = {
  async open(path, mode) {
    return new DiskFile(await open(path, OPEN_FLAGS[mode], 0o600));
  },
  async rename(from, to) {
    await rename(from, to);
  },
  async remove(path) {
    await unlink(path);
  },
  async list(directory) {
    const entries: StorageEntry[] = [];
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other';
      try {
        const size = kind === 'file' ? (await stat(join(directory, entry.name))).size : 0;
        entries.push({ name: entry.name, kind, size });
      } catch (error) {
        // It was removed between the two calls: as good as never listed.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  },
  async makeDirectory(directory) {
    const first = await makeDirectories(directory, { mode: 0o700 });
    if (first === undefined) return;
    const top = dirname(first);
    let parent = resolve(directory);
    do {
      parent = dirname(parent);
      await syncDirectory(parent);
    } while (parent !== top && parent !== dirname(parent));
  },
  syncDirectory,
};
