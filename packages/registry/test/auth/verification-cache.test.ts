import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import { VerificationCache } from '../../src/auth/index.ts';

const key = new Uint8Array(32).fill(1);
const signature = new Uint8Array(64).fill(2);

function digestOf(cache: VerificationCache, message: string | Uint8Array): string {
  const digest = cache.digest(key, message, signature);
  if (digest === undefined) throw new Error('message too long');
  return digest;
}

describe('VerificationCache', () => {
  it('knows what was added and nothing else, and counts', () => {
    const cache = new VerificationCache(seededRandom(1), { maxCachedVerifications: 1024 });
    const digest = digestOf(cache, 'heartbeat:7');
    expect(cache.has(digest)).toBe(false);
    cache.add(digest);
    cache.add(digest);
    expect(cache.has(digestOf(cache, 'heartbeat:7'))).toBe(true);
    expect(cache.has(digestOf(cache, 'heartbeat:8'))).toBe(false);
    expect([cache.hits, cache.misses, cache.size]).toEqual([1, 2, 1]);
  });

  it('gives every part of the signature its say', () => {
    const cache = new VerificationCache(seededRandom(1));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 96, maxLength: 160 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, place, change) => {
          const part = (b: Uint8Array): string | undefined =>
            cache.digest(b.subarray(0, 32), b.subarray(96), b.subarray(32, 96));
          const other = bytes.slice();
          const at = place % bytes.length;
          other[at] = (other[at] ?? 0) ^ change;
          expect(part(other)).not.toBe(part(bytes));
          expect(part(bytes)).toBe(part(bytes.slice()));
        },
      ),
    );
  });

  it('takes a text for its UTF-8 bytes', () => {
    const cache = new VerificationCache(seededRandom(1), { maxCachedMessageBytes: 16 });
    const text = 'é€\u{1F600}'.repeat(4);
    expect(cache.digest(key, text, signature)).toBe(cache.digest(key, text.slice(0), signature));
    expect(cache.digest(key, 'é€', signature)).toBe(cache.digest(key, Buffer.from('é€'), signature));
    expect(cache.digest(key, '€'.repeat(16), signature)).toBeDefined();
    expect(cache.digest(key, 'x'.repeat(17), signature)).toBeUndefined();
  });

  it('differs between processes', () => {
    const one = new VerificationCache(seededRandom(1));
    const two = new VerificationCache(seededRandom(2));
    expect(digestOf(one, 'm')).not.toBe(digestOf(two, 'm'));
  });

  it('keeps its size, and what is used, however much is added', () => {
    const cache = new VerificationCache(seededRandom(3), { maxCachedVerifications: 64 });
    const used = digestOf(cache, 'used');
    cache.add(used);
    for (let i = 0; i < 5000; i++) {
      cache.add(digestOf(cache, `m${i}`));
      expect(cache.has(used)).toBe(true);
    }
    expect(cache.size).toBe(64);
    let kept = 0;
    for (let i = 0; i < 5000; i++) if (cache.has(digestOf(cache, `m${i}`))) kept++;
    expect(kept).toBe(63);
  });
});
