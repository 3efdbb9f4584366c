import { errorCode } from '@muster/core';
import type { ContentStore, Descriptor } from '../parts.ts';
import type { Digest, Repository } from '../types.ts';
import { MAX_MANIFEST_BYTES, readManifest } from './children.ts';
import type { ChildObject } from './children.ts';

/** Children of one manifest that are looked at; images have some dozens. */
export const MAX_CHILDREN = 4096;

/** Where a manifest came from: its children are to be had from there as well. */
export interface ManifestSource extends Repository {
  readonly digest: Digest;
}

/** What takes in what manifests tell of objects (3.6). */
export interface DescriptorSink {
  learn(digest: Digest, descriptor: Descriptor): void;
}

/**
 * The children of a manifest in the store that are not there yet; nothing for one that is not there, or is 4 MiB or larger.
 * Sizes and kinds are handed to `descriptors`. Rejects `MANIFEST_MALFORMED`, `STORAGE_UNAVAILABLE`.
 */
export async function missingChildren(
  store: Pick<ContentStore, 'has' | 'open'>,
  source: ManifestSource,
  descriptors?: DescriptorSink,
): Promise<readonly ChildObject[]> {
  const body = await readBody(store, source.digest);
  if (body === undefined) return [];
  const content = readManifest(body);
  const children = content.children.slice(0, MAX_CHILDREN);
  const manifests = content.manifests.slice(0, MAX_CHILDREN);
  const { registry, repository } = source;
  for (const { digest, ...known } of [...children, ...manifests]) {
    descriptors?.learn(digest, { ...known, registry, repository });
  }
  const missing: ChildObject[] = [];
  for (const child of children) if (!(await isStored(store, child.digest))) missing.push(child);
  return missing;
}

/** A disk that cannot say has the object for nobody. */
async function isStored(store: Pick<ContentStore, 'has'>, digest: Digest): Promise<boolean> {
  try {
    return await store.has(digest);
  } catch {
    return false;
  }
}

async function readBody(store: Pick<ContentStore, 'open'>, digest: Digest): Promise<Uint8Array | undefined> {
  try {
    const { size, body } = await store.open(digest);
    const chunks: Uint8Array[] = [];
    let total = 0;
    if (size < MAX_MANIFEST_BYTES) {
      for await (const chunk of body) {
        total += chunk.length;
        if (total >= MAX_MANIFEST_BYTES) return undefined;
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    }
    // Leaving the loop is what closes an object that was opened.
    for await (const _ of body) break;
    return undefined;
  } catch (error) {
    if (errorCode(error) === 'CONTENT_NOT_FOUND') return undefined;
    throw error;
  }
}
