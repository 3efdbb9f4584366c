import { expect, it } from 'vitest';
import { quickScore } from '../../src/scoring/quick-score.ts';

it.each([
  [{ isConnected: true, rttMs: 100, fillRate: 0.2 }, 88.75],
  [{ isConnected: true, rttMs: 100, fillRate: 0.9 }, 53.75],
  [{ isConnected: true, rttMs: 2000, fillRate: undefined }, 25],
  [{ isConnected: true, rttMs: 4000, fillRate: 1 }, 0],
  [{ isConnected: false, rttMs: undefined, fillRate: undefined }, 0],
  [{ isConnected: false, rttMs: 10, fillRate: 0 }, 0],
])('of the probe %j is %d (14.5)', (probe, expected) => {
  expect(quickScore(probe, 4000)).toBeCloseTo(expected, 10);
});
