import type { Random } from '@muster/core';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { type DiversityOptions, pickDiverse } from './subnet-diversity.ts';

/** Fill rate of an indexer of which none is known. */
const NEUTRAL_FILL = 0.5;

/** Fuller than empty, emptier than full, and never nothing for a newcomer (14.6, F:29). */
export function selectionWeight(fillRate: number): number {
  return Math.max(0.05, fillRate * (1 - fillRate)) * (1 - fillRate);
}

/**
 * Draws up to `want` indexers without replacement, each with a probability in proportion to its weight, then applies the
 * rule of subnets (14.6). Full ones (fill rate 1) come last.
 */
export function selectByFillRate<T extends AddrInfo>(
  providers: readonly T[],
  fillRates: ReadonlyMap<PeerId, number>,
  want: number,
  options: DiversityOptions & { readonly random: Random },
): readonly T[] {
  const drawn = providers
    .map((provider) => {
      const weight = selectionWeight(fillRates.get(provider.ID) ?? NEUTRAL_FILL);
      // random^(1/weight), in logarithms: small weights would all underflow to 0.
      const key = weight <= 0 ? -Infinity : Math.log(1 - options.random.fraction()) / weight;
      return { provider, key };
    })
    .sort((a, b) => (a.key === b.key ? 0 : b.key - a.key))
    .map(({ provider }) => provider);
  return pickDiverse(drawn, want, options);
}
