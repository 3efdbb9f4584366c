import fc from 'fast-check';
import { expect, it } from 'vitest';
import { latencyScore } from '../../src/scoring/latency.ts';

it('falls with the round trip, and never leaves [0, 1]', () => {
  const ms = fc.double({ min: 0, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(ms, ms, (a, b) => {
      const [fast, slow] = [Math.min(a, b), Math.max(a, b)];
      expect(latencyScore(fast, 4000)).toBeGreaterThanOrEqual(latencyScore(slow, 4000));
      expect(latencyScore(slow, 4000)).toBeGreaterThanOrEqual(0);
      expect(latencyScore(fast, 4000)).toBeLessThanOrEqual(1);
    }),
  );
});
