/** An image, or any other artifact of OCI, through a mirror: manifest, then config and layers, a few at a time. */
import { type Digest, type ObjectKind, readManifest } from '@muster/coordination';
import { cliErrors } from '../cli/cli-errors.ts';
import { type FetchedObject, fetchObject, type MirrorObject } from './mirror-client.ts';
import type { ObjectFile, PullTarget } from './oci-layout.ts';

const MAX_DEPTH = 4;

/** One object of an image, and how it came here. */
export interface PulledObject {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly mediaType: string;
  readonly size: number;
  /** `present`: it was in the target already. */
  readonly source: FetchedObject['source'] | 'present';
  readonly ms: number;
}

export interface PullImageOptions {
  /** `host:port` */
  readonly mirror: string;
  readonly registry: string;
  readonly repository: string;
  readonly digest: Digest;
  /** `os/architecture[/variant]`; undefined takes all that an index has. */
  readonly platform: string | undefined;
  readonly parallel: number;
  readonly target: PullTarget;
  readonly onProgress: (progress: PullProgress) => void;
  readonly signal: AbortSignal;
}

export interface PullProgress {
  readonly objects: number;
  readonly objectsDone: number;
  readonly bytes: number;
  /** As far as it is known. */
  readonly totalBytes: number;
}

export interface PulledImage {
  /** The manifest that was asked for, or the one of the platform. */
  readonly root: PulledObject;
  readonly objects: readonly PulledObject[];
}

interface Wanted {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly size?: number;
  readonly mediaType?: string;
}

/** Pulls it. Rejects the codes of `fetchObject`, MANIFEST_MALFORMED, MIRROR_REFUSED when there is nothing for the platform. */
export async function pullImage(options: PullImageOptions): Promise<PulledImage> {
  return new ImagePull(options).run();
}

class ImagePull {
  readonly #options: PullImageOptions;
  readonly #objects: PulledObject[] = [];
  readonly #wanted = new Map<Digest, Wanted>();
  #known = 0;
  #bytes = 0;
  #totalBytes = 0;

  constructor(options: PullImageOptions) {
    this.#options = options;
  }

  async run(): Promise<PulledImage> {
    const root = await this.#manifest({ digest: this.#options.digest, kind: 'manifest' }, 0);
    const queue = [...this.#wanted.values()];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await this.#blob(next);
    };
    await Promise.all(Array.from({ length: this.#options.parallel }, worker));
    return { root, objects: this.#objects };
  }

  /** A manifest with what it refers to; of an index, the manifest of the platform. */
  async #manifest(wanted: Wanted, depth: number): Promise<PulledObject> {
    this.#expect(wanted.size);
    const chunks: Uint8Array[] = [];
    const pulled = await this.#fetch(
      wanted,
      async (chunk) => void chunks.push(chunk),
      () => void chunks.splice(0),
    );
    const body = Buffer.concat(chunks);
    const { isIndex, children, manifests } = readManifest(body);
    if (!isIndex) {
      for (const child of children) this.#want(child);
      return pulled;
    }
    if (depth >= MAX_DEPTH) throw cliErrors.create('MIRROR_REFUSED', 'indexes name one another too deeply');
    const { platform } = this.#options;
    if (platform === undefined) {
      for (const manifest of manifests) await this.#manifest(manifest, depth + 1);
      return pulled;
    }
    const chosen = ofPlatform(body, platform);
    const manifest = manifests.find(({ digest }) => digest === chosen);
    if (manifest === undefined) throw noPlatform(body, platform);
    return this.#manifest(manifest, depth + 1);
  }

  #want(wanted: Wanted): void {
    if (this.#wanted.has(wanted.digest)) return;
    this.#wanted.set(wanted.digest, wanted);
    this.#expect(wanted.size);
  }

  #expect(size: number | undefined): void {
    this.#known += 1;
    this.#totalBytes += size ?? 0;
    this.#report();
  }

  async #blob(wanted: Wanted): Promise<void> {
    const { digest, kind, size, mediaType = '' } = wanted;
    if (await this.#options.target.has(digest, size)) {
      this.#bytes += size ?? 0;
      this.#done({ digest, kind, mediaType, size: size ?? 0, source: 'present', ms: 0 });
    } else {
      await this.#fetch(
        wanted,
        () => Promise.resolve(),
        () => undefined,
      );
    }
  }

  async #fetch(
    { digest, kind, mediaType }: Wanted,
    onChunk: (chunk: Uint8Array) => Promise<void>,
    onRestart: () => void,
  ): Promise<PulledObject> {
    const { mirror, registry, repository, target, signal } = this.#options;
    const object: MirrorObject = {
      registry,
      repository,
      digest,
      path: kind === 'manifest' ? 'manifests' : 'blobs',
    };
    const file = await target.file(digest);
    let bytes = 0;
    const sink = {
      write: async (chunk: Uint8Array): Promise<void> => {
        await file.write(chunk);
        await onChunk(chunk);
        bytes += chunk.length;
        this.#bytes += chunk.length;
        this.#report();
      },
      restart: async (): Promise<void> => {
        await file.restart();
        onRestart();
        this.#bytes -= bytes;
        bytes = 0;
      },
    };
    const fetched = await orDiscard(file, () => fetchObject(mirror, object, sink, signal));
    await file.commit();
    const { size, source, ms } = fetched;
    return this.#done({ digest, kind, mediaType: mediaType ?? fetched.mediaType, size, source, ms });
  }

  #done(pulled: PulledObject): PulledObject {
    this.#objects.push(pulled);
    this.#report();
    return pulled;
  }

  #report(): void {
    this.#options.onProgress({
      objects: this.#known,
      objectsDone: this.#objects.length,
      bytes: this.#bytes,
      totalBytes: Math.max(this.#totalBytes, this.#bytes),
    });
  }
}

async function orDiscard<T>(file: ObjectFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

interface IndexEntry {
  readonly digest?: unknown;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
}

function entriesOf(body: Uint8Array): readonly IndexEntry[] {
  const { manifests = [] } = JSON.parse(Buffer.from(body).toString()) as {
    readonly manifests?: readonly IndexEntry[];
  };
  return manifests;
}

function nameOf({ platform }: IndexEntry): string {
  return [platform?.os, platform?.architecture, platform?.variant]
    .filter((part) => part !== undefined)
    .join('/');
}

/** The digest of the entry for the platform; one without a variant takes any. */
function ofPlatform(body: Uint8Array, platform: string): unknown {
  const entries = entriesOf(body);
  const exact = entries.find((entry) => nameOf(entry) === platform);
  return (exact ?? entries.find((entry) => nameOf(entry).startsWith(`${platform}/`)))?.digest;
}

function noPlatform(body: Uint8Array, platform: string): Error {
  const names = [...new Set(entriesOf(body).map(nameOf))].filter(
    (name) => name !== '' && !name.startsWith('unknown'),
  );
  return cliErrors.create('MIRROR_REFUSED', `the image has nothing for ${platform}`, {
    hint: `It has ${names.slice(0, 20).join(', ')}. Choose with --platform, or take all with --all-platforms.`,
  });
}
