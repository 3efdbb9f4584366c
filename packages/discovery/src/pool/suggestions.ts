import { usableAddrInfo } from '../wire/addresses.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { type DiversityOptions, pickDiverse } from './subnet-diversity.ts';

/**
 * Those of an answer's suggestions that are taken (14.2): with a usable address, not skipped, diverse, and at most one
 * more than we need, so that one indexer can not fill the pool with its friends (F:23).
 *
 * @param skip self, pool, quarantined and blacklisted peers
 */
export function acceptSuggestions(
  suggestions: readonly AddrInfo[],
  options: DiversityOptions & {
    readonly need: number;
    readonly allowLoopback: boolean;
    readonly skip: (peer: PeerId) => boolean;
  },
): readonly AddrInfo[] {
  const usable = new Map<PeerId, AddrInfo>();
  for (const suggestion of suggestions) {
    if (usable.has(suggestion.ID) || options.skip(suggestion.ID)) continue;
    const info = usableAddrInfo(suggestion, options);
    if (info !== undefined) usable.set(info.ID, info);
  }
  return pickDiverse([...usable.values()], options.need + 1, options);
}
