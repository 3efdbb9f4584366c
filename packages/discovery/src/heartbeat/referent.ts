import type { PeerId } from '../wire/messages.ts';

export interface ReferentCandidate {
  readonly peer: PeerId;
  readonly score: number | undefined;
  readonly isHealthy: boolean;
  /** Whether it has ever been heartbeated. */
  readonly wasTried: boolean;
}

/**
 * The one indexer that represents us in distributed search (11.4): the best healthy one, and still the current one
 * unless another is better by more than `hysteresis` points (F:58). Ties go to the smallest peer id. While none is
 * healthy, the first that was not tried yet: a node that has just started can be found after its first heartbeat, not
 * only after its second tick. Undefined when none is either.
 */
export function chooseReferent(
  candidates: readonly ReferentCandidate[],
  current: PeerId | undefined,
  hysteresis: number,
): PeerId | undefined {
  const healthy = candidates.filter(({ isHealthy }) => isHealthy).sort(byScoreThenId);
  const best = healthy[0];
  const kept = healthy.find(({ peer }) => peer === current);
  if (best === undefined) return candidates.filter(({ wasTried }) => !wasTried).sort(byScoreThenId)[0]?.peer;
  if (kept === undefined) return best.peer;
  const lead = (best.score ?? -1) - (kept.score ?? -1);
  return lead > hysteresis ? best.peer : kept.peer;
}

function byScoreThenId(a: ReferentCandidate, b: ReferentCandidate): number {
  if (a.score !== b.score) return (b.score ?? -1) - (a.score ?? -1);
  return a.peer < b.peer ? -1 : 1;
}
