/**
 * What a manifest refers to (coordination spec 11.1). Manifests come from registries and peers: they are verified against
 * their digest, but their content is anybody's.
 */

import { isDigest } from '../digest.ts';
import { coordinationErrors } from '../errors.ts';
import type { Digest, ObjectKind } from '../types.ts';

/** Manifests from this size on are not read. */
export const MAX_MANIFEST_BYTES = 4_194_304;

/** An object that a manifest refers to. */
export interface ChildObject {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly size?: number;
  readonly mediaType?: string;
}

export interface ManifestContent {
  /** An index of manifests, usually one per platform. */
  readonly isIndex: boolean;
  /** Config first, then the layers in their order, duplicates included; nothing for an index. */
  readonly children: readonly ChildObject[];
  /** The manifests of an index: nothing to prefetch, but their sizes are worth knowing. */
  readonly manifests: readonly ChildObject[];
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a manifest or an index. Throws `MANIFEST_MALFORMED`; descriptors in it that are unusable are left out. */
export function readManifest(body: Uint8Array): ManifestContent {
  const manifest = parse(body);
  const manifests = list(manifest, 'manifests');
  const layers = list(manifest, 'layers');
  const isIndex = manifests.length > 0 && layers.length === 0;
  return {
    isIndex,
    children: isIndex
      ? []
      : [...descriptors([manifest.config], 'config'), ...descriptors(layers.filter(isOwn), 'blob')],
    manifests: descriptors(manifests, 'manifest'),
  };
}

function parse(body: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8').decode(body));
  } catch (cause) {
    throw coordinationErrors.create('MANIFEST_MALFORMED', 'the manifest is not JSON', { cause });
  }
  if (isObject(value)) return value;
  throw coordinationErrors.create('MANIFEST_MALFORMED', 'the manifest is not a JSON object');
}

function list(manifest: Json, name: string): readonly unknown[] {
  const value = manifest[name] ?? [];
  if (Array.isArray(value)) return value;
  throw coordinationErrors.create('MANIFEST_MALFORMED', `${name} of the manifest is not a list`);
}

/** False for layers that are to be fetched from elsewhere. */
function isOwn(layer: unknown): boolean {
  if (!isObject(layer)) return false;
  return !Array.isArray(layer.urls) || layer.urls.length === 0;
}

function descriptors(values: readonly unknown[], kind: ObjectKind): readonly ChildObject[] {
  return values.flatMap((value) => {
    if (!isObject(value)) return [];
    const { digest, size, mediaType } = value;
    if (typeof digest !== 'string' || !isDigest(digest)) return [];
    return [
      {
        digest,
        kind,
        ...(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? { size } : {}),
        ...(typeof mediaType === 'string' ? { mediaType } : {}),
      },
    ];
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
