import { open, readdir, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { errorCode, makeDirectories } from '@muster/core';
import type { StoreFile, StoreFiles } from '../files.ts';
import { lockDirectory } from './directory-lock.ts';

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/** The host's disk. */
export const nodeStoreFiles: StoreFiles = {
  async create(path) {
    return openFile(await open(path, 'wx+', FILE_MODE));
  },
  async open(path) {
    return openFile(await open(path, 'r'));
  },
  async stat(path) {
    try {
      const { size, mtimeMs } = await stat(path);
      return { size, modifiedAt: mtimeMs };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  rename,
  async remove(path) {
    await rm(path, { force: true, recursive: true });
  },
  async list(directory) {
    try {
      const entries = await readdir(directory, { withFileTypes: true });
      return entries
        .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  },
  async makeDirectory(directory) {
    await makeDirectories(directory, { mode: DIRECTORY_MODE });
  },
  async syncDirectory(directory) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(directory) {
    try {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  },
  lock: lockDirectory,
};

function openFile(handle: FileHandle): StoreFile {
  return {
    async read(position, target) {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(position, data) {
      let done = 0;
      while (done < data.length) {
        const { bytesWritten } = await handle.write(data, done, data.length - done, position + done);
        done += bytesWritten;
      }
    },
    async sync() {
      await handle.sync();
    },
    async size() {
      return (await handle.stat()).size;
    },
    async close() {
      await handle.close();
    },
  };
}
