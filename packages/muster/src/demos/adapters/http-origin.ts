/** The origin of a fleet over HTTP: its counts, and images made for a demo. */
import { readFile } from 'node:fs/promises';
import { type Digest, readManifest } from '@muster/coordination';
import { fleetErrors } from '../../fleet/fleet-errors.ts';
import type { FleetFile } from '../../fleet/fleet-file.ts';
import type { DigestCount, OriginCounts as ServedCounts } from '../../fleet/origin/counts.ts';
import type { ImageObject, Origin, OriginCounts, OriginImage, OriginReads } from '../ports.ts';

const TIMEOUT_MS = 30_000;
/** Of the images of demos: large enough that a pull takes a moment, and small enough to keep. */
const LAYERS = 4;
const LAYER_BYTES = 2 * 1024 * 1024;

export class HttpOrigin implements Origin {
  readonly #url: string;
  readonly #tokenFile: string;
  #made = 0;

  constructor({ origin, control }: Pick<FleetFile, 'origin' | 'control'>) {
    this.#url = origin.url;
    this.#tokenFile = control.tokenFile;
  }

  async counts(): Promise<OriginCounts> {
    const { requests, digests } = (await this.#json('GET', '/counts')) as unknown as ServedCounts;
    const reads = Object.entries(digests).map(([digest, count]) => [digest, readsOf(count)] as const);
    return { requests, reads: new Map(reads) };
  }

  async makeImage(name: string): Promise<OriginImage> {
    const token = (await readFile(this.#tokenFile, 'utf8')).trim();
    this.#made += 1;
    // No two images of a demo are the same, or have a layer in common.
    const tag = `${process.pid}-${this.#made}-${Date.now()}`;
    const wish = { repository: `demo/${name}`, tag, layers: LAYERS, layerBytes: LAYER_BYTES };
    const made = (await this.#json('POST', '/images', wish, token)) as {
      readonly repository: string;
      readonly digest: Digest;
    };
    return { ...made, objects: await this.#objects(made) };
  }

  /** What the manifest names, and itself. This reads the manifest at the origin: counts begin after it. */
  async #objects({
    repository,
    digest,
  }: {
    readonly repository: string;
    readonly digest: Digest;
  }): Promise<readonly ImageObject[]> {
    const response = await fetch(`${this.#url}/v2/${repository}/manifests/${digest}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    });
    const body = new Uint8Array(await response.arrayBuffer());
    if (!response.ok) throw refused(`GET of the manifest`, response.status);
    const { children } = readManifest(body);
    return [
      { digest, bytes: body.length },
      ...children.map((child) => ({ digest: child.digest, bytes: child.size ?? 0 })),
    ];
  }

  async #json(
    method: string,
    path: string,
    body?: object,
    token?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw refused(`${method} ${path}`, response.status);
    return (await response.json()) as Readonly<Record<string, unknown>>;
  }
}

function readsOf({ get, bytes, mostAtOnce }: DigestCount): OriginReads {
  return { reads: get, bytes, mostAtOnce };
}

function refused(what: string, status: number): Error {
  return fleetErrors.create('CONTROL_REFUSED', `${what}: the origin answers ${status}`, {
    details: { status },
  });
}
