/** What mirror and transfer endpoint have in common: an object of the store, or a part of it, as an HTTP answer. */

import { errorCode } from '@muster/core';
import type { ContentStore, Descriptor } from '../parts.ts';
import type { Digest } from '../types.ts';
import { applyRange, parseRange, type RangeAnswer } from './ranges.ts';
import { contentTypeOf, SNIFF_BYTES } from './sniff.ts';

export const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' } as const;

/** Nothing larger is a manifest, so nothing larger is looked into. */
const MAX_SNIFFED_BYTES = 4_194_304;

export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

export interface RangeHeaders {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The range that a request asks for; HEAD asks for none (13.11). */
export function requestedRange(request: RangeHeaders, digest: Digest): ReturnType<typeof parseRange> {
  if (request.method === 'HEAD') return undefined;
  const { range, 'if-range': ifRange } = request.headers;
  return parseRange(typeof range === 'string' ? range : undefined, {
    ifRange: typeof ifRange === 'string' ? ifRange : undefined,
    etag: etagOf(digest),
  });
}

/** Status and headers about length and range of an object of `size` bytes. */
export function sizeHeaders(
  request: ReturnType<typeof parseRange>,
  size: number,
): {
  readonly answer: RangeAnswer;
  readonly status: 200 | 206 | 416;
  readonly length: number;
  readonly headers: Readonly<Record<string, string>>;
} {
  const answer = applyRange(request, size);
  switch (answer.kind) {
    case 'whole':
      return { answer, status: 200, length: size, headers: { 'content-length': String(size) } };
    case 'part': {
      const { start, end } = answer.range;
      const length = end + 1 - start;
      const headers = {
        'content-length': String(length),
        'content-range': `bytes ${start}-${end}/${size}`,
      };
      return { answer, status: 206, length, headers };
    }
    case 'unsatisfiable':
      return { answer, status: 416, length: 0, headers: { 'content-range': `bytes */${size}` } };
  }
}

/** `Content-Type` of a stored object. */
export async function storedContentType(
  store: Pick<ContentStore, 'open'>,
  object: { readonly digest: Digest; readonly size: number; readonly path: 'manifest' | 'blob' },
  known: Descriptor | undefined,
): Promise<string> {
  const { digest, size, path } = object;
  if (known?.mediaType !== undefined)
    return contentTypeOf({ known: known.mediaType, path, prefix: undefined });
  const prefix = size > 1 && size <= MAX_SNIFFED_BYTES ? await readPrefix(store, digest) : undefined;
  return contentTypeOf({ known: undefined, path, prefix });
}

async function readPrefix(
  store: Pick<ContentStore, 'open'>,
  digest: Digest,
): Promise<Uint8Array | undefined> {
  const { body } = await store.open(digest, { start: 0, end: SNIFF_BYTES - 1 });
  for await (const chunk of body) return chunk;
  return undefined;
}

/** The size of an object in the store, undefined when it is not there. Rejects STORAGE_UNAVAILABLE. */
export async function storedSize(
  store: Pick<ContentStore, 'size'>,
  digest: Digest,
): Promise<number | undefined> {
  try {
    return await store.size(digest);
  } catch (error) {
    if (errorCode(error) === 'CONTENT_NOT_FOUND') return undefined;
    throw error;
  }
}
