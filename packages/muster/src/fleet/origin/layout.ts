/**
 * An OCI image layout on the disk: `oci-layout`, `index.json`, `blobs/sha256/<hex>`. Objects are written beside their place and
 * put there, and the index after them: whoever reads it at any moment finds everything that it names.
 */
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, makeDirectories } from '@muster/core';
import { fleetErrors } from '../fleet-errors.ts';
import { descriptorOf, digestOf, type ImageObject, type MadeImage, MANIFEST_TYPE } from './image.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_INDEX_BYTES = 1024 * 1024;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** An image of the layout: under which reference its manifest is. */
export interface LayoutImage {
  /** `repository:tag` */
  readonly reference: string;
  readonly digest: string;
  /** Of the manifest alone. */
  readonly size: number;
}

interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** One layout. */
export class ImageLayout {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Path of an object; undefined when that is no digest. */
  pathOf(digest: string): string | undefined {
    if (!DIGEST.test(digest)) return undefined;
    return join(this.folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
  }

  /** The images; none when there is no layout yet. Rejects ORIGIN_LAYOUT_INVALID; errors of the system. */
  async images(): Promise<readonly LayoutImage[]> {
    const index = await this.#index();
    return (index?.manifests ?? []).flatMap(({ digest, size, annotations }) => {
      const reference = annotations?.[REF_NAME];
      return reference === undefined ? [] : [{ reference, digest, size }];
    });
  }

  /** Bytes of an image: manifest, configuration and layers. Rejects ORIGIN_LAYOUT_INVALID when a part is missing. */
  async totalBytes(image: LayoutImage): Promise<number> {
    const text = await this.#read(this.pathOf(image.digest) ?? '', MAX_MANIFEST_BYTES);
    if (text === undefined || digestOf(Buffer.from(text)) !== image.digest) {
      throw invalid(this.folder, `the manifest ${image.digest} is missing or damaged`);
    }
    const { config, layers } = JSON.parse(text) as {
      config: { digest: string; size: number };
      layers: readonly { digest: string; size: number }[];
    };
    let total = Buffer.byteLength(text);
    for (const { digest, size } of [config, ...layers]) {
      if ((await this.sizeOf(digest)) !== size) throw invalid(this.folder, `${digest} is missing or damaged`);
      total += size;
    }
    return total;
  }

  /** Bytes of an object; undefined when it is not here. */
  async sizeOf(digest: string): Promise<number | undefined> {
    const path = this.pathOf(digest);
    if (path === undefined) return undefined;
    try {
      const { size } = await stat(path);
      return size;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Adds an image under a reference, in the place of one that had it. */
  async add(image: MadeImage, reference: string): Promise<LayoutImage> {
    await makeDirectories(join(this.folder, 'blobs', 'sha256'));
    for (const object of [...image.blobs, image.manifest]) await this.#write(object);
    const before = (await this.#index())?.manifests ?? [];
    const others = before.filter(({ annotations }) => annotations?.[REF_NAME] !== reference);
    const manifests = [
      ...others,
      { ...descriptorOf(image.manifest), annotations: { [REF_NAME]: reference } },
    ];
    const index: Index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests,
    };
    await this.#put(join(this.folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await this.#put(join(this.folder, 'index.json'), JSON.stringify(index));
    return { reference, digest: image.manifest.digest, size: image.manifest.bytes.length };
  }

  async #index(): Promise<Index | undefined> {
    const text = await this.#read(join(this.folder, 'index.json'), MAX_INDEX_BYTES);
    if (text === undefined) return undefined;
    const index = parseIndex(text);
    if (index === undefined) throw invalid(this.folder, 'index.json is no index of images');
    return index;
  }

  async #read(path: string, maxBytes: number): Promise<string | undefined> {
    try {
      if ((await stat(path)).size > maxBytes) throw invalid(this.folder, `${path} is too large`);
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write({ digest, bytes }: ImageObject): Promise<void> {
    const path = this.pathOf(digest);
    if (path === undefined || (await this.sizeOf(digest)) === bytes.length) return;
    await this.#put(path, bytes);
  }

  async #put(path: string, content: string | Uint8Array): Promise<void> {
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, content);
    await rename(temporary, path);
  }
}

function parseIndex(text: string): Index | undefined {
  try {
    const index = JSON.parse(text) as Partial<Index> | null;
    const isWhole =
      Array.isArray(index?.manifests) &&
      index.manifests.every(({ digest, mediaType }) => DIGEST.test(digest) && mediaType === MANIFEST_TYPE);
    return isWhole ? (index as Index) : undefined;
  } catch {
    return undefined;
  }
}

function invalid(folder: string, reason: string): Error {
  return fleetErrors.create('ORIGIN_LAYOUT_INVALID', `${folder}: ${reason}`, { details: { folder } });
}
