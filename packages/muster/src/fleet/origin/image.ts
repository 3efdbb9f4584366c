/** Makes a real image: a configuration and layers of made-up files, as an OCI image layout has them (image-spec 1.1). */
import { createCipheriv, createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type TarFile, tarOf } from './tar.ts';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

export interface ImagePlan {
  /** The same name makes the same image. */
  readonly name: string;
  readonly layers: number;
  /** Of made-up files in each layer; they hardly get smaller when compressed. */
  readonly layerBytes: number;
  /** Epoch; told in the configuration. */
  readonly createdAt: number;
}

/** Bounds of what can be asked for. */
export const IMAGE_LIMITS = {
  maxLayers: 16,
  maxLayerBytes: 64 * 1024 * 1024,
  maxTotalBytes: 256 * 1024 * 1024,
  maxNameLength: 100,
} as const;

/** Part of an image: its bytes are what its digest says. */
export interface ImageObject {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface MadeImage {
  readonly manifest: ImageObject;
  /** Configuration and layers. */
  readonly blobs: readonly ImageObject[];
  /** Manifest, configuration and layers together. */
  readonly totalBytes: number;
}

const FILES_PER_LAYER = 4;

/** The image of a plan. Holds it in memory: see {@link IMAGE_LIMITS}. */
export function makeImage({ name, layers, layerBytes, createdAt }: ImagePlan): MadeImage {
  const created = new Date(createdAt).toISOString();
  const archives = Array.from({ length: layers }, (_, index) =>
    tarOf(madeUpFiles(`${name}/${index}`, index, layerBytes)),
  );
  const layerObjects = archives.map((archive) => objectOf(gzipSync(archive, { level: 1 }), LAYER_TYPE));
  const config = jsonObject(CONFIG_TYPE, {
    created,
    author: 'muster dev',
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/data/layer-1/file-1'], Labels: { 'org.opencontainers.image.title': name } },
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
    history: archives.map((_, index) => ({ created, created_by: `muster dev: layer ${index + 1}` })),
  });
  const manifest = jsonObject(MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptorOf(config),
    layers: layerObjects.map(descriptorOf),
    annotations: { 'org.opencontainers.image.created': created },
  });
  const blobs = [config, ...layerObjects];
  const totalBytes = [manifest, ...blobs].reduce((total, { bytes }) => total + bytes.length, 0);
  return { manifest, blobs, totalBytes };
}

/** How the object is named in a manifest or an index. */
export function descriptorOf({ mediaType, digest, bytes }: ImageObject): {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
} {
  return { mediaType, digest, size: bytes.length };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function madeUpFiles(seed: string, layer: number, totalBytes: number): readonly TarFile[] {
  const readme = Buffer.from(
    `Layer ${layer + 1} of an image that muster dev has made. Its files mean nothing.\n`,
  );
  const size = Math.ceil(totalBytes / FILES_PER_LAYER);
  return [
    { path: `data/layer-${layer + 1}/README`, bytes: readme },
    ...Array.from({ length: FILES_PER_LAYER }, (_, index) => ({
      path: `data/layer-${layer + 1}/file-${index + 1}`,
      bytes: keystream(`${seed}/${index}`, size),
    })),
  ];
}

/** Bytes that look random and follow from the seed. */
function keystream(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(`muster image ${seed}`).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
  return cipher.update(Buffer.alloc(length));
}

function objectOf(bytes: Buffer, mediaType: string): ImageObject {
  return { digest: digestOf(bytes), mediaType, bytes };
}

function jsonObject(mediaType: string, value: object): ImageObject {
  return objectOf(Buffer.from(JSON.stringify(value)), mediaType);
}
