import type { AddrInfo, PeerId } from '../wire/messages.ts';

export interface TalliedCandidate extends AddrInfo {
  /** Distinct voters that named it. */
  readonly endorsements: number;
}

/** Candidates that the voters named, with their endorsements, most first (14.5 step 2). A voter counts once for each. */
export function tallyCandidates(
  votes: readonly (readonly AddrInfo[])[],
  skip: (peer: PeerId) => boolean,
): readonly TalliedCandidate[] {
  const tally = new Map<PeerId, { addrs: Set<string>; endorsements: number }>();
  for (const vote of votes) {
    const named = new Set<PeerId>();
    for (const { ID, Addrs } of vote) {
      if (skip(ID)) continue;
      const entry = tally.get(ID) ?? { addrs: new Set<string>(), endorsements: 0 };
      tally.set(ID, entry);
      for (const addr of Addrs) entry.addrs.add(addr);
      if (!named.has(ID)) entry.endorsements += 1;
      named.add(ID);
    }
  }
  return [...tally]
    .map(([ID, { addrs, endorsements }]) => ({ ID, Addrs: [...addrs], endorsements }))
    .sort((a, b) => b.endorsements - a.endorsements || (a.ID < b.ID ? -1 : 1));
}

/** Voters from which on one of them alone can not carry a candidate. */
const QUORUM = 3;

/**
 * Those worth a probe (14.5 step 3): with three voters or more, candidates that two have named or that have a valid
 * indexer record; the rest only as far as `need` asks (F:26).
 */
export function keepEndorsed(
  candidates: readonly TalliedCandidate[],
  options: {
    readonly voters: number;
    readonly need: number;
    readonly hasRecord: (peer: PeerId) => boolean;
  },
): readonly TalliedCandidate[] {
  if (options.voters < QUORUM) return candidates;
  const isEndorsed = ({ ID, endorsements }: TalliedCandidate): boolean =>
    endorsements >= 2 || options.hasRecord(ID);
  const kept = candidates.filter(isEndorsed);
  if (kept.length >= options.need) return kept;
  const rest = candidates.filter((candidate) => !isEndorsed(candidate));
  return [...kept, ...rest];
}
