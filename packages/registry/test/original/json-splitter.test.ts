import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonSplitter, parseJson } from '../../src/original/json-splitter.ts';

const limits = { maxElementBytes: 1_000_000, maxDepth: 100 };

/** Puts an object together from the pieces, as a reader does; containers under these keys are split. */
function reassembled(bytes: Uint8Array, split: ReadonlySet<string>, chunkSizes: readonly number[]): unknown {
  const result = new Map<string, unknown>();
  const splitter = new JsonSplitter(
    {
      splits: (key) => split.has(key),
      value: (key, piece, position) => result.set(key, parseJson(piece, position)),
      member: (key, name, piece, position) => {
        const members = (result.get(key) ?? {}) as Record<string, unknown>;
        Object.defineProperty(members, name, {
          value: parseJson(piece, position),
          enumerable: true,
          configurable: true,
        });
        result.set(key, members);
      },
      item: (key, index, piece, position) => {
        const items = (result.get(key) ?? []) as unknown[];
        items[index] = parseJson(piece, position);
        result.set(key, items);
      },
    },
    limits,
  );
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = chunkSizes[turn % chunkSizes.length] ?? 1;
    // A copy that is overwritten, as a stream that reuses its buffer does.
    const chunk = new Uint8Array(bytes.subarray(at, at + size));
    splitter.push(chunk);
    chunk.fill(0);
    at += size;
  }
  splitter.end();
  return result;
}

describe('JsonSplitter', () => {
  it('finds what JSON.parse finds, in chunks of any size', () => {
    const anyKey = fc.constantFrom('a', 'b', 'c', 'é"\\');
    fc.assert(
      fc.property(
        fc.dictionary(anyKey, fc.jsonValue()),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 1, '\t'),
        (object, chunkSizes, indent) => {
          const text = JSON.stringify(object, null, indent);
          const expected = new Map(Object.entries(JSON.parse(text) as object));
          const split = new Set(['a', 'c']);
          for (const key of split) {
            // Nothing is delivered of an empty container.
            const value: unknown = expected.get(key);
            if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
              expected.delete(key);
          }
          expect(reassembled(Buffer.from(text), split, chunkSizes)).toEqual(expected);
        },
      ),
    );
  });

  it('accepts nothing that JSON.parse refuses', () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      'true',
      ' ',
      '"',
      '\\',
      'x',
    );
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), fc.boolean(), (parts, isSplit) => {
        const text = `{"a":${parts.join('')}}`;
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        let isAccepted = true;
        try {
          reassembled(Buffer.from(text), new Set(isSplit ? ['a'] : []), [3]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ORIGINAL_SNAPSHOT_SYNTAX' });
          isAccepted = false;
        }
        expect(isAccepted).toBe(isJson);
      }),
      { numRuns: 2_000 },
    );
  });
});
