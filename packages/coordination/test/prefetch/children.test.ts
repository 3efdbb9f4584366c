import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../src/prefetch/children.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

const { cases } = loadVectors<{
  cases: readonly {
    readonly name: string;
    readonly body: string;
    readonly error: boolean;
    readonly is_index?: boolean;
    readonly children?: readonly { readonly digest: string; readonly kind: string }[];
  }[];
}>('manifest-children');

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('children of a manifest', () => {
  it.each(cases)('$name', ({ body, error, is_index, children }) => {
    if (error) {
      expect(() => readManifest(bytes(body))).toThrow(
        expect.objectContaining({ code: 'MANIFEST_MALFORMED' }),
      );
      return;
    }
    const content = readManifest(bytes(body));
    expect(content.isIndex).toBe(is_index);
    expect(content.children.map(({ digest, kind }) => ({ digest, kind }))).toEqual(children);
  });

  it('come with sizes and media types, those of an index apart', () => {
    const entry = { digest: testDigest(1), size: 12, mediaType: 'application/x' };
    expect(readManifest(bytes(JSON.stringify({ manifests: [entry] })))).toEqual({
      isIndex: true,
      children: [],
      manifests: [{ ...entry, kind: 'manifest' }],
    });
    expect(readManifest(bytes(JSON.stringify({ layers: [entry] }))).children).toEqual([
      { ...entry, kind: 'blob' },
    ]);
  });

  it.each([-1, 1.5, '7', 2 ** 60, null])('do not have a size of %s', (size) => {
    const body = JSON.stringify({ layers: [{ digest: testDigest(1), size }] });
    expect(readManifest(bytes(body)).children).toEqual([{ digest: testDigest(1), kind: 'blob' }]);
  });

  it.each(['[]', 'null', '7', '{"layers":7}', '{"layers":{"length":9}}', '{"manifests":"x"}'])(
    'are not read from %s',
    (body) => {
      expect(() => readManifest(bytes(body))).toThrow(
        expect.objectContaining({ code: 'MANIFEST_MALFORMED' }),
      );
    },
  );

  it('are read or refused, whatever the JSON is', () => {
    const shapes = fc.record(
      { config: fc.jsonValue(), layers: fc.jsonValue(), manifests: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(shapes, (shape) => {
        try {
          for (const { digest } of readManifest(bytes(JSON.stringify(shape))).children) {
            expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'MANIFEST_MALFORMED' });
        }
      }),
    );
  });
});
