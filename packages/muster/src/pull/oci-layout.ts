/** A folder in the layout of OCI images, or nowhere: what is pulled without one is verified and dropped. */
import { open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '@muster/core';
import type { Digest } from '@muster/coordination';
import { cliErrors } from '../cli/cli-errors.ts';
import type { ObjectSink } from './mirror-client.ts';

/** The object that a layout names. */
export interface LayoutEntry {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
  readonly reference: string;
}

export interface ObjectFile extends ObjectSink {
  /** Puts it in its place. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

export interface PullTarget {
  /** Whether the object is there already, with that size. */
  has(digest: Digest, size: number | undefined): Promise<boolean>;
  file(digest: Digest): Promise<ObjectFile>;
  finish(entry: LayoutEntry): Promise<void>;
}

/** Verified, and dropped. */
export const NOWHERE: PullTarget = {
  has: () => Promise.resolve(false),
  file: () =>
    Promise.resolve({
      write: () => Promise.resolve(),
      restart: () => Promise.resolve(),
      commit: () => Promise.resolve(),
      discard: () => Promise.resolve(),
    }),
  finish: () => Promise.resolve(),
};

/** A layout in this folder; an existing one is added to. Rejects TARGET_EXISTS for a folder with something else in it. */
export async function openLayout(folder: string): Promise<PullTarget> {
  await makeDirectories(join(folder, 'blobs', 'sha256'));
  const layoutPath = join(folder, 'oci-layout');
  const present = await readText(layoutPath);
  if (present === undefined) {
    await writeFile(layoutPath, `${JSON.stringify({ imageLayoutVersion: '1.0.0' })}\n`);
  } else if (!present.includes('imageLayoutVersion')) {
    throw cliErrors.create('TARGET_EXISTS', `${folder} is no OCI layout`, { details: { folder } });
  }
  const pathOf = (digest: Digest): string => join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
  return {
    async has(digest, size) {
      try {
        return size !== undefined && (await stat(pathOf(digest))).size === size;
      } catch {
        return false;
      }
    },
    file: (digest) => openFile(pathOf(digest)),
    finish: (entry) => addToIndex(join(folder, 'index.json'), entry),
  };
}

async function openFile(path: string): Promise<ObjectFile> {
  const draft = `${path}.${process.pid}.part`;
  const file: FileHandle = await open(draft, 'w', 0o644);
  let position = 0;
  return {
    async write(chunk) {
      await file.write(chunk, 0, chunk.length, position);
      position += chunk.length;
    },
    async restart() {
      position = 0;
      await file.truncate(0);
    },
    async commit() {
      await file.close();
      await rename(draft, path);
    },
    async discard() {
      await file.close();
      await rm(draft, { force: true });
    },
  };
}

interface IndexFile {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** Names an object in the index; another one of the same name gives way. */
async function addToIndex(path: string, { digest, size, mediaType, reference }: LayoutEntry): Promise<void> {
  const name = 'org.opencontainers.image.ref.name';
  const present = await readText(path);
  const before = present === undefined ? [] : (JSON.parse(present) as Partial<IndexFile>).manifests;
  const kept = (before ?? []).filter((entry) => entry.annotations?.[name] !== reference);
  const index: IndexFile = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [...kept, { mediaType, digest, size, annotations: { [name]: reference } }],
  };
  const draft = `${path}.${process.pid}.part`;
  await writeFile(draft, `${JSON.stringify(index, undefined, 2)}\n`);
  await rename(draft, path);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
