import type { OriginAdapter, OriginObject } from '../parts.ts';
import type { Digest, ObjectKind } from '../types.ts';
import { ObjectReader, type ObjectRequest, type Place, type ReaderParts } from './object-reader.ts';

/** The `Accept` header of manifest requests, in the order of coordination spec 15.2. */
export const MANIFEST_ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

export interface OciOriginOptions extends ReaderParts {
  readonly name: string;
  /** As `parseEndpoint` gives it. */
  readonly endpoint: URL;
  /** What the descriptor index knows: a blob that is known to be a manifest is asked for as one at once (15.4). */
  readonly kindOf?: (digest: Digest) => ObjectKind | undefined;
  /** The children of a manifest, for prefetch. */
  readonly children?: NonNullable<OriginAdapter['children']>;
}

/**
 * A registry that speaks the OCI distribution API (coordination spec 15). Names of repositories are put into URLs as they
 * are: `isRepository` must have passed them.
 */
export class OciOrigin implements OriginAdapter {
  readonly name: string;
  readonly children?: NonNullable<OriginAdapter['children']>;
  readonly #options: OciOriginOptions;
  readonly #reader: ObjectReader;

  constructor(options: OciOriginOptions) {
    this.name = options.name;
    this.#options = options;
    this.#reader = new ObjectReader(options);
    if (options.children !== undefined) this.children = options.children;
  }

  async prepare(repository: string, signal: AbortSignal): Promise<void> {
    await this.#options.client.prepare(scopeOf(repository), signal);
  }

  async open(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    offset: number,
    signal: AbortSignal,
  ): Promise<OriginObject> {
    return this.#reader.open(this.#request(repository, digest, kind, signal), offset);
  }

  async head(
    repository: string,
    digest: Digest,
    kind: ObjectKind,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | undefined; readonly mediaType: string | undefined }> {
    return this.#reader.head(this.#request(repository, digest, kind, signal));
  }

  #request(repository: string, digest: Digest, kind: ObjectKind, signal: AbortSignal): ObjectRequest {
    const subject = { registry: this.name, repository, digest, kind };
    const manifest = this.#place(repository, 'manifests', digest, MANIFEST_ACCEPT);
    const blob = this.#place(repository, 'blobs', digest, '*/*');
    return {
      subject,
      places: this.#places(kind, digest, manifest, blob),
      scope: scopeOf(repository),
      signal,
    };
  }

  #places(kind: ObjectKind, digest: Digest, manifest: Place, blob: Place): ObjectRequest['places'] {
    if (kind === 'manifest') return [manifest];
    return this.#options.kindOf?.(digest) === 'manifest' ? [manifest, blob] : [blob, manifest];
  }

  #place(repository: string, family: string, digest: Digest, accept: string): Place {
    const url = new URL(this.#options.endpoint);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/v2/${repository}/${family}/${digest}`;
    return { url, accept };
  }
}

function scopeOf(repository: string): string {
  return `repository:${repository}:pull`;
}
