import type { ByteRange } from '../types.ts';

/** What a request asks for, before the size of the object is known. */
export type RangeRequest =
  /** From `start` to `end`, or to the object's end. */
  | { readonly kind: 'from'; readonly start: number; readonly end: number | undefined }
  /** The last `length` bytes. */
  | { readonly kind: 'suffix'; readonly length: number };

/** What it comes to for an object of a certain size. */
export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

const SINGLE = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/i;

/**
 * Reads `Range` (coordination spec 13.11). Undefined when the header is to be ignored: absent, several ranges, another unit,
 * an error of syntax, or an `If-Range` that does not name the object as it is.
 */
export function parseRange(
  header: string | undefined,
  conditions: { readonly ifRange?: string | undefined; readonly etag?: string } = {},
): RangeRequest | undefined {
  if (header === undefined) return undefined;
  if (conditions.ifRange !== undefined && conditions.ifRange.trim() !== conditions.etag) return undefined;
  const [, start, end, suffix] = SINGLE.exec(header.trim()) ?? [];
  if (suffix !== undefined) return { kind: 'suffix', length: Number(suffix) };
  if (start === undefined) return undefined;
  const last = end === undefined || end === '' ? undefined : Number(end);
  if (last !== undefined && last < Number(start)) return undefined;
  return { kind: 'from', start: Number(start), end: last };
}

/** Applies a range to an object of `size` bytes. */
export function applyRange(request: RangeRequest | undefined, size: number): RangeAnswer {
  if (request === undefined) return { kind: 'whole' };
  if (request.kind === 'suffix') {
    if (request.length === 0 || size === 0) return { kind: 'unsatisfiable' };
    return { kind: 'part', range: { start: Math.max(0, size - request.length), end: size - 1 } };
  }
  if (request.start >= size) return { kind: 'unsatisfiable' };
  const end = Math.min(request.end ?? size - 1, size - 1);
  return { kind: 'part', range: { start: request.start, end } };
}
