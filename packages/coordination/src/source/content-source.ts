/** A place beside the store that has content, such as the container runtime's own store (coordination spec 19). */

import { coordinationErrors } from '../errors.ts';
import type { ByteRange, Digest } from '../types.ts';
import type { OpenObject } from '../parts.ts';

/** Whether a source has something. `unavailable`: it cannot say just now, which is not "no". */
export type SourceAnswer = 'present' | 'absent' | 'unavailable';

export interface ContentSource {
  /** Never rejects. */
  has(digest: Digest): Promise<SourceAnswer>;
  /** Rejects CONTENT_NOT_FOUND, STORAGE_UNAVAILABLE, RANGE_NOT_SATISFIABLE. */
  open(digest: Digest, range?: ByteRange): Promise<OpenObject>;
  /** What is there; undefined while it cannot say, so that the last answer goes on counting. */
  inventory(): Promise<readonly Digest[] | undefined>;
  /** Tells of objects that have come, and that it is reachable again. Returns the function that ends it. */
  subscribe(listener: (event: SourceEvent) => void): () => void;
}

export type SourceEvent =
  | { readonly kind: 'added'; readonly digests: readonly Digest[] }
  | { readonly kind: 'reconnected' };

/** The source of an agent without a runtime: it has nothing, and knows that. */
export const NO_CONTENT_SOURCE: ContentSource = {
  has: () => Promise.resolve('absent'),
  open: (digest) => Promise.reject(coordinationErrors.create('CONTENT_NOT_FOUND', `${digest} is not there`)),
  inventory: () => Promise.resolve([]),
  subscribe: () => () => undefined,
};

/** The registry in the name of an image: its first part, when that looks like a host. Empty: none. */
export function registryOfImageName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  if (rest.length === 0) return '';
  return first.includes('.') || first.includes(':') || first === 'localhost' ? first : '';
}
