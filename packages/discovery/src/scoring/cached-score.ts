/** Virtual nodes that an indexer's aggregate begins with, and what they say (24.6). */
const PRIOR_NODES = 5;
const PRIOR_SCORE = 0.5;
const TOLERANCE = 0.35;

/**
 * Whether an indexer's `cached_score` is what we would expect if the others thought of it as we do (24.4, 24.6). The
 * aggregate of few nodes is drawn towards its prior of five nodes at 0.5, so the expectation is as well: a lone
 * indexer with one content node honestly says 0.58.
 *
 * @param score our own score, 0 to 100
 * @param nodes the declared `peer_count`
 */
export function isCachedScorePlausible(cachedScore: number, score: number, nodes: number): boolean {
  const expected = (nodes * (score / 100) + PRIOR_NODES * PRIOR_SCORE) / (nodes + PRIOR_NODES);
  return Math.abs(cachedScore - expected) <= TOLERANCE;
}
