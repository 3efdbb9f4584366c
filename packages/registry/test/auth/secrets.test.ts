import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import { constantTimeEqual, hashSecret, isHashedSecret, matchesSecret } from '../../src/auth/index.ts';

describe('hashed secrets', () => {
  it('match their secret and no other', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.integer(), (secret, other, seed) => {
        const hashed = hashSecret(secret, seededRandom(seed));
        expect(isHashedSecret(JSON.parse(JSON.stringify(hashed)))).toBe(true);
        expect(matchesSecret(secret, hashed)).toBe(true);
        expect(matchesSecret(other, hashed)).toBe(Buffer.from(other).equals(Buffer.from(secret)));
      }),
    );
  });

  it('differ for the same secret', () => {
    const random = seededRandom(1);
    expect(hashSecret('s', random)).not.toEqual(hashSecret('s', random));
  });

  it('never match an empty or an oversized secret', () => {
    const random = seededRandom(1);
    expect(matchesSecret('', hashSecret('', random))).toBe(false);
    const long = 'é'.repeat(129);
    expect(matchesSecret(long, hashSecret(long, random))).toBe(false);
    expect(matchesSecret(long.slice(1), hashSecret(long.slice(1), random))).toBe(true);
  });

  it('never match when they are damaged', () => {
    const hashed = hashSecret('s', seededRandom(1));
    for (const damaged of [
      { ...hashed, hash: '' },
      { ...hashed, hash: hashed.hash.slice(4) },
      { ...hashed, salt: '' },
      { ...hashed, hash: '!' },
    ]) {
      expect(matchesSecret('s', damaged)).toBe(false);
      expect(isHashedSecret(damaged)).toBe(false);
    }
    expect([null, 's', {}, { salt: 1, hash: 2 }].map(isHashedSecret)).toEqual([false, false, false, false]);
  });
});

describe('constantTimeEqual', () => {
  it('compares texts', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(constantTimeEqual(a, a)).toBe(true);
        expect(constantTimeEqual(a, b)).toBe(a === b);
      }),
    );
  });
});
