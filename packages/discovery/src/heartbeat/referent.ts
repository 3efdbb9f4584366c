import type { PeerId } from '../wire/messages.ts';

export interface ReferentCandidate {
  readonly peer: PeerId;
  readonly score: number | undefined;
  readonly isHealthy: boolean;
}

/**
 * The one indexer that represents us in distributed search (11.4): the best healthy one, and still the current one
 * unless another is better by more than `hysteresis` points (F:58). Ties go to the smallest peer id. Undefined when
 * none is healthy.
 */
export function chooseReferent(
  candidates: readonly ReferentCandidate[],
  current: PeerId | undefined,
  hysteresis: number,
): PeerId | undefined {
  const healthy = candidates.filter(({ isHealthy }) => isHealthy).sort(byScoreThenId);
  const best = healthy[0];
  const kept = healthy.find(({ peer }) => peer === current);
  if (best === undefined || kept === undefined) return best?.peer;
  const lead = (best.score ?? -1) - (kept.score ?? -1);
  return lead > hysteresis ? best.peer : kept.peer;
}

function byScoreThenId(a: ReferentCandidate, b: ReferentCandidate): number {
  if (a.score !== b.score) return (b.score ?? -1) - (a.score ?? -1);
  return a.peer < b.peer ? -1 : 1;
}
