/** The paths of content that the mirror and the transfer endpoint answer (coordination spec 13.2). */

import { isDigest, isTag } from '../digest.ts';
import type { Digest } from '../types.ts';

export interface ContentPath {
  readonly kind: 'manifest' | 'blob';
  readonly repository: string;
  readonly reference: string;
}

const ROOT = '/v2/';

/**
 * Takes a path apart at its last `/manifests/`, or else at its last `/blobs/`. Repository and reference may be empty and are not
 * checked; nothing is decoded, so an escaped slash is no slash. Undefined when it is no path of content.
 */
export function parseContentPath(path: string): ContentPath | undefined {
  if (!path.startsWith(ROOT)) return undefined;
  const rest = path.slice(ROOT.length);
  return splitAt(rest, '/manifests/', 'manifest') ?? splitAt(rest, '/blobs/', 'blob');
}

function splitAt(rest: string, family: string, kind: ContentPath['kind']): ContentPath | undefined {
  const at = rest.lastIndexOf(family);
  if (at < 0) return undefined;
  return { kind, repository: rest.slice(0, at), reference: rest.slice(at + family.length) };
}

/** The path of a request's target, and its `ns`; an empty `ns` counts as none. */
export function splitTarget(target: string): { readonly path: string; readonly ns: string | undefined } {
  const at = target.indexOf('?');
  if (at < 0) return { path: target, ns: undefined };
  const ns = new URLSearchParams(target.slice(at + 1)).get('ns') ?? '';
  return { path: target.slice(0, at), ns: ns === '' ? undefined : ns };
}

/** What a reference is (3.1). */
export function readReference(
  reference: string,
):
  | { readonly kind: 'digest'; readonly digest: Digest }
  | { readonly kind: 'tag' }
  | { readonly kind: 'bad-digest' } {
  if (isTag(reference)) return { kind: 'tag' };
  return isDigest(reference) ? { kind: 'digest', digest: reference } : { kind: 'bad-digest' };
}
