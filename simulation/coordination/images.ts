import { createHash } from 'node:crypto';
import { type Digest, type ObjectKind, parseDigest, type Repository } from '@muster/coordination';
import type { SimRandom } from '../kernel/index.ts';

/** An object at the origin. */
export interface SimObject extends Repository {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly body: Uint8Array;
  readonly mediaType: string;
}

/** What a runtime wants: a manifest and its children in the manifest's order. */
export interface SimImage extends Repository {
  readonly manifest: SimObject;
  readonly config: SimObject;
  readonly layers: readonly SimObject[];
}

export const REGISTRY = 'hub';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** The digest of some bytes. */
export function digestOfBytes(body: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(body).digest('hex')}`);
}

/** An image with layers of these sizes, in simulated bytes, behind the shared ones. */
export function makeImage(
  random: SimRandom,
  options: {
    readonly repository: string;
    readonly layerBytes: readonly number[];
    readonly shared?: readonly SimObject[];
  },
): SimImage {
  const { repository, layerBytes, shared = [] } = options;
  const source = random.fork(`image ${repository}`);
  const object = (kind: ObjectKind, mediaType: string, body: Uint8Array): SimObject => ({
    registry: REGISTRY,
    repository,
    digest: digestOfBytes(body),
    kind,
    mediaType,
    body,
  });
  const config = object('config', CONFIG_TYPE, Buffer.from(JSON.stringify({ id: source.integer(2 ** 32) })));
  const own = layerBytes.map((bytes) => object('blob', LAYER_TYPE, source.bytes(bytes)));
  const layers = [...shared, ...own];
  const descriptor = ({ digest, mediaType, body }: SimObject): object => ({
    mediaType,
    digest,
    size: body.length,
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor(config),
    layers: layers.map(descriptor),
  });
  const manifest = object('manifest', MANIFEST_TYPE, Buffer.from(text));
  return { registry: REGISTRY, repository, manifest, config, layers };
}

/** All objects of an image, each once. */
export function objectsOf(image: SimImage): readonly SimObject[] {
  return [image.manifest, image.config, ...image.layers];
}
