import { expect, it } from 'vitest';
import { dynamicMinScore } from '../../src/scoring/minimum.ts';

const HOUR = 3_600_000;

it.each([
  [0, 20],
  [1, 22.5],
  [6, 35],
  [12, 50],
  [23, 77.5],
  [24, 80],
  [48, 80],
])('at an age of %d h the minimum is %d (13.4)', (hours, minimum) => {
  expect(dynamicMinScore(hours * HOUR, HOUR)).toBeCloseTo(minimum, 10);
});

it('catches an indexer that fails every challenge only after 22.1 h, and one that fails every check after 12.1 h', () => {
  expect(dynamicMinScore(22.1 * HOUR, HOUR)).toBeCloseTo(75.25, 1);
  expect(dynamicMinScore(12.1 * HOUR, HOUR)).toBeCloseTo(50.25, 1);
});
