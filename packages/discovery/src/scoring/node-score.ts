import type { ScoreTerms } from './terms.ts';

/** Weights of the seven dimensions (13.3). They add up to 1. */
export const SCORE_WEIGHTS = {
  uptime: 0.2,
  challenge: 0.2,
  latency: 0.15,
  freeCapacity: 0.1,
  fillConsistency: 0.1,
  witness: 0.15,
  dht: 0.1,
} as const satisfies Omit<Record<keyof ScoreTerms, number>, 'restartPenalty'>;

export type ScoreDimension = keyof typeof SCORE_WEIGHTS;

export const SCORE_DIMENSIONS = Object.keys(SCORE_WEIGHTS) as readonly ScoreDimension[];

const PENALTY_A_RESTART = 0.3;

/** Factor from changes of `born_at`: an indexer that restarts, or says so, loses 0.3 for each (13.3). */
export function restartPenalty(bornAtChanges: number): number {
  return Math.max(0, 1 - PENALTY_A_RESTART * bornAtChanges);
}

/** A node's score of an indexer, 0 to 100 (13.3). */
export function nodeScore(terms: ScoreTerms): number {
  const base = SCORE_DIMENSIONS.reduce((sum, name) => sum + SCORE_WEIGHTS[name] * terms[name], 0);
  return 100 * base * terms.restartPenalty;
}
