import { constants } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '@muster/core';
import { operatorFileErrors } from '../errors.ts';
import type { OperatorFiles } from '../operator-files.ts';

/** Operator files in the host's file system. Errors of the system are passed on as they are, with their `code`. */
export const nodeOperatorFiles: OperatorFiles = {
  async stamp(path) {
    try {
      const found = await stat(path);
      return { modifiedMs: found.mtimeMs, sizeBytes: found.size };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },

  async read(path, maxBytes) {
    const handle = await open(path, 'r');
    try {
      // One byte more than allowed is asked for, so that a file that grows meanwhile can't fill the memory.
      const buffer = Buffer.allocUnsafe(Math.min((await handle.stat()).size, maxBytes) + 1);
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      if (filled > maxBytes) {
        throw operatorFileErrors.create(
          'operator_file_too_large',
          `${path} is larger than ${maxBytes} bytes`,
          {
            details: { path, maxBytes },
          },
        );
      }
      return buffer.toString('utf8', 0, filled);
    } finally {
      await handle.close();
    }
  },

  async replace(path, text) {
    const temporary = `${path}.tmp`;
    // A left-over of a crash may have other permissions: never write into it.
    await unlink(temporary).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
    });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const handle = await open(temporary, flags, 0o600);
    try {
      await handle.writeFile(text, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    const directory = await open(dirname(path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};
