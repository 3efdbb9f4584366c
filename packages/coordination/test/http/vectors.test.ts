import { describe, expect, it } from 'vitest';
import { parseContentPath, readReference, splitTarget } from '../../src/http/paths.ts';
import { parseRange } from '../../src/http/ranges.ts';
import { contentTypeOf, isMediaType } from '../../src/http/sniff.ts';
import { etagOf, sizeHeaders } from '../../src/http/stored-object.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

interface HttpVectors {
  readonly blob_content_type_sniff: readonly { readonly prefix_hex: string; readonly content_type: string }[];
  readonly v2_paths: readonly {
    readonly path: string;
    readonly ok: boolean;
    readonly kind?: string;
    readonly repository?: string;
    readonly reference?: string;
  }[];
  readonly ranges_required: {
    readonly cases: readonly {
      readonly header: string;
      readonly size: number;
      readonly status: number;
      readonly start?: number;
      readonly end?: number;
      readonly content_range?: string;
    }[];
  };
}

const vectors = loadVectors<HttpVectors>('http');

describe('the vectors of HTTP', () => {
  it.each(vectors.v2_paths)('path $path', ({ path, ok, kind, repository, reference }) => {
    expect(parseContentPath(path)).toEqual(ok ? { kind, repository, reference } : undefined);
  });

  it.each(vectors.ranges_required.cases)('range $header of $size', (example) => {
    const { answer, status, headers } = sizeHeaders(parseRange(example.header), example.size);
    expect(status).toBe(example.status);
    expect(headers['content-range']).toBe(example.content_range);
    if (example.status === 206) {
      expect(answer).toEqual({ kind: 'part', range: { start: example.start, end: example.end } });
    }
  });

  it.each(vectors.blob_content_type_sniff)('type of $prefix_hex', ({ prefix_hex, content_type }) => {
    const prefix = Buffer.from(prefix_hex, 'hex');
    expect(contentTypeOf({ known: undefined, path: 'blob', prefix })).toBe(content_type);
  });
});

describe('beyond the vectors', () => {
  it('a range counts only when If-Range names the object as it is', () => {
    const etag = etagOf(testDigest(1));
    expect(parseRange('bytes=0-1', { ifRange: etag, etag })).toEqual({ kind: 'from', start: 0, end: 1 });
    expect(parseRange('bytes=0-1', { ifRange: etagOf(testDigest(2)), etag })).toBeUndefined();
    expect(parseRange('bytes=0-1', { ifRange: 'Sat, 28 Nov 2026 00:00:00 GMT', etag })).toBeUndefined();
  });

  it('numbers too large to count are no ranges', () => {
    expect(parseRange('bytes=0-99999999999999999999')).toBeUndefined();
    expect(parseRange(`bytes=-${'9'.repeat(30)}`)).toBeUndefined();
  });

  it('an escaped slash is no slash, and nothing is decoded', () => {
    expect(parseContentPath('/v2/a%2Fb/manifests%2Fx')).toBeUndefined();
    expect(parseContentPath('/v2/a%2f..%2f/blobs/x')?.repository).toBe('a%2f..%2f');
  });

  it('what others wrote into a manifest becomes no header unless it is a media type', () => {
    expect(isMediaType('application/vnd.oci.image.layer.v1.tar+gzip')).toBe(true);
    for (const text of ['text/plain\r\nx: y', 'text', 'text/pläin', '', `a/${'b'.repeat(300)}`]) {
      expect(isMediaType(text)).toBe(false);
      expect(contentTypeOf({ known: text, path: 'blob', prefix: undefined })).toBe(
        'application/octet-stream',
      );
    }
  });

  it('an empty ns is none, and references are tags, digests, or broken digests', () => {
    expect(splitTarget('/v2/a?ns=')).toEqual({ path: '/v2/a', ns: undefined });
    expect(splitTarget('/v2/a?x=1&ns=docker.io')).toEqual({ path: '/v2/a', ns: 'docker.io' });
    expect(readReference('latest').kind).toBe('tag');
    expect(readReference('').kind).toBe('tag');
    expect(readReference(testDigest(3))).toEqual({ kind: 'digest', digest: testDigest(3) });
    expect(readReference(`${testDigest(3)}/../x`).kind).toBe('bad-digest');
    expect(readReference(testDigest(10).toUpperCase().replace('SHA', 'sha')).kind).toBe('bad-digest');
  });
});
