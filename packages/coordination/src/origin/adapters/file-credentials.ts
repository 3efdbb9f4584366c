import { open, stat } from 'node:fs/promises';
import { coordinationErrors } from '../../errors.ts';
import { type CredentialsReader, MAX_CREDENTIALS_BYTES } from '../credentials.ts';

/** Credentials files of the host's file system. The version tells renames apart, too: inode, size and time. */
export const fileCredentials: CredentialsReader = {
  async version(path) {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true });
    return `${ino}-${size}-${mtimeNs}`;
  },

  async read(path) {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(MAX_CREDENTIALS_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > MAX_CREDENTIALS_BYTES) {
        throw coordinationErrors.create('CREDENTIALS_INVALID', `the credentials file ${path} is too long`);
      }
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  },
};
