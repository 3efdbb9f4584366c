import { describe, expect, it } from 'vitest';
import { isCachedScorePlausible } from '../../src/scoring/cached-score.ts';

describe('the comparison of cached_score (24.4, 24.6)', () => {
  it.each([
    ['agrees with ours', 0.9, 92, 40, true],
    ['is 0.35 too high', 0.8, 40, 400, false],
    ['is far too low', 0.2, 92, 40, false],
    ['is that of an honest indexer with one content node', (0.95 + 2.5) / 6, 95, 1, true],
    ['boasts with one node', 1, 95, 1, false],
    ['is the prior of an indexer that says it has nobody', 0.5, 95, 0, true],
  ])('when it %s', (_case, cached, score, nodes, plausible) => {
    expect(isCachedScorePlausible(cached, score, nodes)).toBe(plausible);
  });
});
