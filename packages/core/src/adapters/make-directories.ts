import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode } from '../errors.ts';

/**
 * Makes a folder and those above it that are missing, each with `mode` (less the umask). Resolves with the topmost one that was made, or
 * undefined when it was there. Rejects with the error of the system. It stands in for the recursive `mkdir` of Node, which never
 * returns, with a processor busy, where a folder takes no others, as those of `/proc` and `/sys` do.
 */
export async function makeDirectories(
  path: string,
  { mode = 0o777 }: { readonly mode?: number } = {},
): Promise<string | undefined> {
  const folder = resolve(path);
  try {
    await mkdir(folder, { mode });
    return folder;
  } catch (error) {
    if (await isFolder(folder)) return undefined;
    const parent = dirname(folder);
    if (errorCode(error) !== 'ENOENT' || parent === folder) throw error;
    const first = await makeDirectories(parent, { mode });
    // Whoever made it meanwhile has done so for us; that its parent is missing still is the system's last word.
    await mkdir(folder, { mode }).catch(async (reason: unknown) => {
      if (!(await isFolder(folder))) throw reason;
    });
    return first ?? folder;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
