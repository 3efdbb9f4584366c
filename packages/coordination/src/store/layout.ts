import { join } from 'node:path';
import { DIGEST_PREFIX, isDigest } from '../digest.ts';
import type { Digest } from '../types.ts';

const EMPTY_CONTENT: Digest = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Where everything is in a cache folder (16.1). */
export class StoreLayout {
  readonly root: string;
  /** Folder of the shards. */
  readonly objects: string;
  readonly temporary: string;

  constructor(root: string) {
    this.root = root;
    this.objects = join(root, 'blobs', 'sha256');
    this.temporary = join(root, 'tmp');
  }

  shardOf(digest: Digest): string {
    return join(this.objects, digest.slice(DIGEST_PREFIX.length, DIGEST_PREFIX.length + 2));
  }

  pathOf(digest: Digest): string {
    return join(this.shardOf(digest), digest.slice(DIGEST_PREFIX.length));
  }

  /** Name of a temporary file, of 16 random bytes. */
  temporaryPath(random: Uint8Array): string {
    return join(this.temporary, `${Buffer.from(random).toString('hex')}.partial`);
  }
}

/** The digest that a file of this name in this shard would have; undefined when it is none of ours. */
export function digestOfFile(shard: string, name: string): Digest | undefined {
  const digest = `${DIGEST_PREFIX}${name}`;
  return isDigest(digest) && name.startsWith(shard) && shard.length === 2 ? digest : undefined;
}

/** True when an object can have this size: only one has none. */
export function isPossibleSize(digest: Digest, size: number): boolean {
  return size > 0 || digest === EMPTY_CONTENT;
}
