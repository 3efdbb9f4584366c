import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cachedScore } from '../../src/indexer/cached-score.ts';

it('is 0.5 without nodes', () => {
  expect(cachedScore([])).toBe(0.5);
});

it('weighs five imagined nodes at 0.5 against the real ones', () => {
  expect(cachedScore([100, 100, 100, 100, 100])).toBe(0.75);
});

it('leaves out the highest and the lowest tenth', () => {
  const scores = [0, 80, 80, 80, 80, 80, 80, 80, 80, 100];
  expect(cachedScore(scores)).toBeCloseTo((8 * 0.8 + 2.5) / 13, 12);
});

it('stays in [0, 1] and moves little by one liar', () => {
  const score = fc.double({ min: 0, max: 100, noNaN: true });
  fc.assert(
    fc.property(fc.array(score, { minLength: 20, maxLength: 60 }), score, (scores, lie) => {
      const honest = cachedScore(scores);
      expect(honest).toBeGreaterThanOrEqual(0);
      expect(honest).toBeLessThanOrEqual(1);
      expect(Math.abs(cachedScore([...scores.slice(1), lie]) - honest)).toBeLessThanOrEqual(1 / 15);
    }),
  );
});
