import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseChallenge, parseBearerChallenge, parseChallenges } from '../../src/origin/www-authenticate.ts';
import { loadVectors } from '../support/vectors.ts';

interface Vectors {
  readonly www_authenticate: readonly { challenge: string; params: Readonly<Record<string, string>> }[];
}

describe('challenges of a registry', () => {
  it.each(loadVectors<Vectors>('membership-and-auth').www_authenticate)(
    'reads the vector $challenge',
    ({ challenge, params }) => {
      expect({ ...parseBearerChallenge(challenge) }).toEqual(params);
    },
  );

  it('prefers Bearer, in whichever header and place it stands', () => {
    const bearer = { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 's' } };
    expect(chooseChallenge(['Basic realm="x", Bearer realm="https://a/t",service=s'])).toEqual(bearer);
    expect(chooseChallenge(['Basic realm="x"', 'BEARER Realm="https://a/t", SERVICE=s'])).toEqual(bearer);
    expect(chooseChallenge(['Negotiate abc==, Basic realm="x"'])).toEqual({ scheme: 'basic' });
    expect(chooseChallenge(['Negotiate'])).toBeUndefined();
    expect(chooseChallenge([])).toBeUndefined();
  });

  it('keeps the first of two values, commas and escapes in quotes, and drops the pair with an open quote', () => {
    expect(parseBearerChallenge('Bearer realm="a",realm="b",scope="x,\\"y\\" z",service="open')).toEqual({
      realm: 'a',
      scope: 'x,"y" z',
    });
  });

  it('survives any text, and bounds what it keeps', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 4 }), (headers) => {
        for (const challenge of parseChallenges(headers)) {
          if (challenge.scheme !== 'bearer') continue;
          expect(Object.keys(challenge.parameters).length).toBeLessThanOrEqual(16);
          for (const key of Object.keys(challenge.parameters)) expect(key).toBe(key.toLowerCase());
        }
      }),
    );
    const many = Array.from({ length: 5_000 }, (_, index) => `k${index}=v`).join(',');
    expect(Object.keys(parseBearerChallenge(`Bearer ${many}`))).toHaveLength(16);
  });

  it('reads back what a registry writes', () => {
    const value = fc.string({ maxLength: 40 }).filter((text) => !/[\\"]/.test(text));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { maxKeys: 8 }), (parameters) => {
        const written = Object.entries(parameters).map(([key, text]) => `${key}="${text}"`);
        expect({ ...parseBearerChallenge(`Bearer ${written.join(', ')}`) }).toEqual({ ...parameters });
      }),
    );
  });
});
