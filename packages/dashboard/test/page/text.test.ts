import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortDigest, shortId, shown } from '../../page/model/text.ts';

describe('shown', () => {
  it('leaves honest text alone', () => {
    for (const text of ['alpha', 'Zürich-Süd', '節点 1', 'شبكة', '🦀 crab']) expect(shown(text)).toBe(text);
  });

  it('marks what turns, hides or breaks text', () => {
    expect(shown('safe\u202egnp.exe')).toBe('safe\ufffdgnp.exe');
    expect(shown('a\u200bb\u2066c\u0000d\ne\u001b[31m')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd[31m');
    expect(shown('\u{e0041}x\ud800y')).toBe('\ufffdx\ufffdy');
  });

  it('cuts by characters, never within one', () => {
    expect(shown('🦀'.repeat(10), 4)).toBe('🦀🦀🦀…');
    expect(shown('abcdef', 6)).toBe('abcdef');
    expect(shown('abcdefg', 6)).toBe('abcde…');
  });

  it('is bounded and well formed whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 500 }),
        fc.integer({ min: 1, max: 100 }),
        (text, limit) => {
          const result = shown(text, limit);
          expect([...result].length).toBeLessThanOrEqual(limit);
          expect(result.isWellFormed()).toBe(true);
          expect(result).not.toMatch(/[\u202a-\u202e\u2066-\u2069\n\r]/);
        },
      ),
    );
  });
});

describe('shortened identifiers', () => {
  it('keeps both ends of an id', () => {
    expect(shortId('12D3KooWMs2sWmc7yxXBbQPZLf')).toBe('12D3KooW…BQPZLf'.replace('BQPZLf', 'bQPZLf'));
    expect(shortId('short')).toBe('short');
  });

  it('keeps the algorithm of a digest', () => {
    expect(shortDigest(`sha256:${'ab'.repeat(32)}`)).toBe('sha256:abababababab…');
    expect(shortDigest('nonsense')).toBe('nonsense');
  });
});
