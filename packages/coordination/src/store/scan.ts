import { join } from 'node:path';
import type { Logger } from '@muster/core';
import type { Digest } from '../types.ts';
import type { StoreFiles } from './files.ts';
import { digestOfFile, isPossibleSize, type StoreLayout } from './layout.ts';

/** Files whose facts are asked for at once. */
const AT_ONCE = 32;

export interface ScannedObject {
  readonly digest: Digest;
  readonly size: number;
  readonly modifiedAt: number;
}

/**
 * Reads a cache folder at start (16.5): what is no object is deleted, all temporary files are. Gives the objects in order
 * of modification, oldest first.
 */
export async function scanStore(
  files: StoreFiles,
  layout: StoreLayout,
  logger: Logger,
): Promise<readonly ScannedObject[]> {
  for (const { name } of await files.list(layout.temporary)) await files.remove(join(layout.temporary, name));
  const found: ScannedObject[] = [];
  for (const shard of await files.list(layout.objects)) {
    const folder = join(layout.objects, shard.name);
    if (!shard.isDirectory) {
      await dropStranger(files, folder, logger);
      continue;
    }
    const names = await files.list(folder);
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const batch = names.slice(start, start + AT_ONCE);
      const objects = await Promise.all(
        batch.map(async ({ name }) => scanFile(files, folder, shard.name, name, logger)),
      );
      for (const object of objects) if (object !== undefined) found.push(object);
    }
  }
  return found.sort((a, b) => a.modifiedAt - b.modifiedAt || (a.digest < b.digest ? -1 : 1));
}

async function scanFile(
  files: StoreFiles,
  folder: string,
  shard: string,
  name: string,
  logger: Logger,
): Promise<ScannedObject | undefined> {
  const path = join(folder, name);
  const digest = digestOfFile(shard, name);
  const facts = digest === undefined ? undefined : await files.stat(path);
  if (digest === undefined || facts === undefined || !isPossibleSize(digest, facts.size)) {
    await dropStranger(files, path, logger);
    return undefined;
  }
  return { digest, size: facts.size, modifiedAt: facts.modifiedAt };
}

async function dropStranger(files: StoreFiles, path: string, logger: Logger): Promise<void> {
  logger.warn({ path }, 'a file in the cache folder is no object and was deleted');
  await files.remove(path);
}
