import { expect, it } from 'vitest';
import { isFillConsistent } from '../../src/scoring/fill-consistency.ts';

it.each([
  [{ fillRate: 0.4, peerCount: 40, maxNodes: 100 }, true],
  [{ fillRate: 0.49, peerCount: 40, maxNodes: 100 }, true],
  [{ fillRate: 0.51, peerCount: 40, maxNodes: 100 }, false],
  [{ fillRate: 0.2, peerCount: 90, maxNodes: 100 }, false],
  [{ fillRate: 0.2, peerCount: 90, maxNodes: 0 }, undefined],
])('of %j is %s (11.5.5)', (figures, expected) => {
  expect(isFillConsistent(figures)).toBe(expected);
});
