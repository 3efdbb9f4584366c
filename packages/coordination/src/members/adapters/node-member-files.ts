import type { BigIntStats } from 'node:fs';
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectories } from '@muster/core';
import { coordinationErrors } from '../../errors.ts';
import type { MemberFiles } from '../files.ts';
import { MAX_MEMBERS_FILE_BYTES } from '../member-file.ts';

/** The members' files of the host's file system. */
export const nodeMemberFiles: MemberFiles = {
  async version(path) {
    return versionOf(await stat(path, { bigint: true }));
  },

  async read(path) {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_MEMBERS_FILE_BYTES) {
        throw coordinationErrors.create('MEMBERS_INVALID', `${path} is too long for a list of members`);
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  },

  async list(folder) {
    await makeDirectories(folder);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const found = await Promise.all(
      names.map(async (name) => {
        try {
          const facts = await stat(join(folder, name), { bigint: true });
          return { name, version: versionOf(facts), changedAt: Number(facts.mtimeMs) };
        } catch {
          // Gone in the meantime.
          return undefined;
        }
      }),
    );
    return found.filter((entry) => entry !== undefined);
  },

  async write(path, text) {
    const draft = `${path}.${process.pid}.tmp`;
    await makeDirectories(dirname(path));
    await writeFile(draft, text, { mode: 0o644 });
    await rename(draft, path);
  },

  async remove(path) {
    await rm(path, { force: true });
  },
};

/** Renames are told apart, too: inode, size and time. */
function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}-${size}-${mtimeNs}`;
}
