import { describe, expect, it } from 'vitest';
import { isDigest, isTag, parseDigest } from '../src/digest.ts';
import { loadVectors } from './support/vectors.ts';

const { cases } = loadVectors<{ cases: readonly { input: string; valid: boolean }[] }>('digest');

describe('digests', () => {
  it.each(cases)('$input is a digest: $valid', ({ input, valid }) => {
    expect(isDigest(input)).toBe(valid);
    if (valid) expect(parseDigest(input)).toBe(input);
    else expect(() => parseDigest(input)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }));
  });

  it('is not misled by a line break at the end', () => {
    expect(isDigest(`sha256:${'a'.repeat(64)}\n`)).toBe(false);
  });

  it('does not repeat long texts in its error', () => {
    expect(() => parseDigest('x'.repeat(10_000))).toThrow(/^.{0,120}$/);
  });

  it('tells tags from digests, also from bad ones', () => {
    expect(isTag('latest')).toBe(true);
    expect(isTag('sha512:aa')).toBe(true);
    expect(isTag('sha256:zz')).toBe(false);
    expect(isTag(`sha256:${'a'.repeat(64)}`)).toBe(false);
  });
});
