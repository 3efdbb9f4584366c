import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { MAX_TOKENS, TokenCache, tokenLifeS } from '../../src/origin/token-cache.ts';
import { loadVectors } from '../support/vectors.ts';

interface Vectors {
  readonly token_ttl: readonly { expires_in_s: number; effective_ttl_s: number }[];
}

function cacheOf(clock = new ManualClock()) {
  return { clock, cache: new TokenCache(() => clock.monotonic()) };
}

const issue = (token: string, expiresInS?: number) => async () => ({ token, expiresInS });

describe('the life of a token', () => {
  it.each(loadVectors<Vectors>('membership-and-auth').token_ttl)(
    'of $expires_in_s s is $effective_ttl_s s',
    ({ expires_in_s, effective_ttl_s }) => {
      expect(tokenLifeS(expires_in_s)).toBe(effective_ttl_s);
    },
  );

  it('is five minutes without a number that means something', () => {
    expect(tokenLifeS(undefined)).toBe(300);
    expect(tokenLifeS(Number.NaN)).toBe(300);
    expect(tokenLifeS(1e300)).toBe(86_400);
  });
});

describe('TokenCache', () => {
  it('gives a token until its life is over, and each scope its own', async () => {
    const { clock, cache } = cacheOf();
    await cache.obtain('a', issue('ta', 90));
    await cache.obtain('b', issue('tb', 300));
    clock.advance(59_999);
    expect([cache.get('a'), cache.get('b')]).toEqual(['ta', 'tb']);
    clock.advance(1);
    expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'tb']);
  });

  it('asks once for all who want a scope, and shares the failure', async () => {
    const { cache } = cacheOf();
    let fetches = 0;
    const { promise, resolve, reject } = Promise.withResolvers<{ token: string; expiresInS: undefined }>();
    const fetch = async () => {
      fetches += 1;
      return promise;
    };
    const both = [cache.obtain('a', fetch), cache.obtain('a', fetch)];
    resolve({ token: 't', expiresInS: undefined });
    expect(await Promise.all(both)).toEqual(['t', 't']);
    expect(fetches).toBe(1);
    reject(new Error('unused'));

    const failing = async () => {
      throw new Error('no');
    };
    const results = await Promise.allSettled([cache.obtain('b', failing), cache.obtain('b', failing)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cache.obtain('b', issue('later'))).toBe('later');
  });

  it('drops the token that was refused, but not the one that has taken its place', async () => {
    const { cache } = cacheOf();
    await cache.obtain('a', issue('old'));
    cache.drop('a', 'old');
    expect(cache.get('a')).toBeUndefined();
    await cache.obtain('a', issue('new'));
    cache.drop('a', 'old');
    expect(cache.get('a')).toBe('new');
  });

  it('keeps a bounded number, the newest', async () => {
    const { cache } = cacheOf();
    for (let index = 0; index <= MAX_TOKENS; index++) await cache.obtain(`s${index}`, issue('t'));
    expect(cache.length).toBe(MAX_TOKENS);
    expect(cache.get('s0')).toBeUndefined();
    expect(cache.get(`s${MAX_TOKENS}`)).toBe('t');
  });
});
