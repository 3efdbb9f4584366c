/**
 * What the nodes of this indexer think of it, in one number (discovery spec 24.6). It is only told, never used here:
 * each node compares it with its own opinion.
 */

/** Opinions that everybody starts with, so that one node's does not decide. */
const PRIOR = { nodes: 5, score: 0.5 } as const;
const TRIMMED_SHARE = 0.1;

/** Mean of the nodes' `local_score`s (0 to 100), without the highest and lowest tenth, in [0, 1]. */
export function cachedScore(localScores: readonly number[]): number {
  const sorted = [...localScores].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length * TRIMMED_SHARE);
  const kept = sorted.slice(cut, sorted.length - cut);
  let sum = PRIOR.nodes * PRIOR.score;
  for (const score of kept) sum += Math.min(1, Math.max(0, score / 100));
  return sum / (kept.length + PRIOR.nodes);
}
