/** The images of the laboratory: the same bytes, so the same digests, in every run (coordination spec 25.3). */

import { keystreamBytes } from './keystream.ts';
import { bytesObject, descriptorOf, type LabDigest, type LabObject, streamObject } from './objects.ts';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const MIB = 1_048_576;

/** Layers up to this size are kept in memory, so that sending them costs no more than sending. */
const MAX_IN_MEMORY = 128 * MIB;

/** A layer: its bytes are those of its name. */
export interface LayerPlan {
  readonly name: string;
  readonly size: number;
}

/** An image before its bytes are made; plain data, for messages between processes. */
export interface ImagePlan {
  readonly name: string;
  readonly layers: readonly LayerPlan[];
  /** With several, an index with an image for each, which share all layers but the first. @default one, without an index */
  readonly platforms?: readonly string[];
}

export interface LabImage {
  readonly name: string;
  /** What a client asks for first: the manifest, or the index. */
  readonly root: LabObject;
  /** Everything, the root included, each digest once. */
  readonly objects: readonly LabObject[];
}

/** What the driver must know of an image. */
export interface ImageFacts {
  readonly name: string;
  readonly root: LabDigest;
  readonly digests: readonly LabDigest[];
  /** Sum of the sizes of the distinct objects. */
  readonly bytes: number;
  /** The largest layer. */
  readonly largest: { readonly digest: LabDigest; readonly size: number };
}

function layersOf(image: string, sizes: readonly number[]): readonly LayerPlan[] {
  return sizes.map((size, index) => ({ name: `lab-${image}-${index}`, size }));
}

function plan(name: string, sizesInMib: readonly number[]): ImagePlan {
  return {
    name,
    layers: layersOf(
      name,
      sizesInMib.map((size) => Math.round(size * MIB)),
    ),
  };
}

/** 16 MiB in 3 layers. */
export const SMALL = plan('s', [1, 5, 10]);
/** 1 GiB in 10 layers. */
export const MEDIUM = plan('m', [1, 2, 5, 10, 20, 50, 100, 200, 300, 336]);
/** 5 GiB in 40 layers. */
export const LARGE = plan(
  'l',
  Array.from({ length: 40 }, () => 128),
);
/** 64 MiB in 6 layers: what a fleet of 50 on one small machine can be given. */
export const FLEET = plan('f', [1, 3, 6, 12, 18, 24]);

/** The same image with all sizes times `factor`; other bytes, so other digests. */
export function scaled(image: ImagePlan, factor: number): ImagePlan {
  if (factor === 1) return image;
  const name = `${image.name}x${factor}`;
  const sizes = image.layers.map(({ size }) => Math.max(1, Math.round(size * factor)));
  return { ...image, name, layers: layersOf(name, sizes) };
}

/** An image that shares all layers of another but the last two. */
export function sharing(image: ImagePlan): ImagePlan {
  const name = `${image.name}-next`;
  const own = image.layers.slice(-2).map(({ size }) => size);
  return { name, layers: [...image.layers.slice(0, -2), ...layersOf(name, own)] };
}

/** An index of five images. */
export function multiPlatform(image: ImagePlan): ImagePlan {
  return {
    ...image,
    name: `${image.name}-multi`,
    platforms: ['amd64', 'arm64', 'arm', 'ppc64le', 's390x'],
  };
}

/** The same image under other names: for runs that must not find what an earlier one left. */
export function renamed(image: ImagePlan, suffix: string): ImagePlan {
  const name = `${image.name}-${suffix}`;
  return {
    ...image,
    name,
    layers: layersOf(
      name,
      image.layers.map(({ size }) => size),
    ),
  };
}

/** Makes the bytes. */
export function makeImage({ name, layers: plans, platforms = ['amd64'] }: ImagePlan): LabImage {
  const layers = plans.map(makeLayer);
  const children = platforms.map((architecture, index) => {
    const own = index === 0 ? layers : [firstLayerFor(name, architecture), ...layers.slice(1)];
    return { architecture, ...makeManifest(architecture, own), layers: own };
  });
  const [first] = children;
  if (first === undefined) throw new Error('an image has at least one platform');
  const contents = children.flatMap((child) => [child.manifest, child.config, ...child.layers]);
  const root = children.length === 1 ? first.manifest : makeIndex(children);
  const distinct = new Map([root, ...contents].map((object) => [object.digest, object]));
  return { name, root, objects: [...distinct.values()] };
}

export function factsOf({ name, root, objects }: LabImage): ImageFacts {
  const largest = objects.reduce((most, object) => (object.size > most.size ? object : most));
  return {
    name,
    root: root.digest,
    digests: objects.map(({ digest }) => digest),
    bytes: objects.reduce((sum, { size }) => sum + size, 0),
    largest: { digest: largest.digest, size: largest.size },
  };
}

function makeLayer({ name, size }: LayerPlan): LabObject {
  return size <= MAX_IN_MEMORY
    ? bytesObject(keystreamBytes(name, size), LAYER_TYPE)
    : streamObject(name, size, LAYER_TYPE);
}

function firstLayerFor(image: string, architecture: string): LabObject {
  return makeLayer({ name: `lab-${image}-${architecture}`, size: MIB });
}

function makeManifest(architecture: string, layers: readonly LabObject[]) {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  const config = jsonObject({ architecture, os: 'linux', rootfs, config: {} }, CONFIG_TYPE);
  const manifest = jsonObject(
    {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptorOf(config),
      layers: layers.map(descriptorOf),
    },
    MANIFEST_TYPE,
  );
  return { config, manifest };
}

function makeIndex(children: readonly { readonly architecture: string; readonly manifest: LabObject }[]) {
  const manifests = children.map(({ architecture, manifest }) => ({
    ...descriptorOf(manifest),
    platform: { architecture, os: 'linux' },
  }));
  return jsonObject({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }, INDEX_TYPE);
}

function jsonObject(value: unknown, mediaType: string): LabObject {
  return bytesObject(Buffer.from(JSON.stringify(value)), mediaType);
}
