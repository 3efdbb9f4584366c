import type { Member, Random } from '@muster/core';

const TAG = 'indexer';

/** An indexer to begin with, as discovery takes it. */
export interface NamedIndexer {
  readonly ID: string;
  readonly Addrs: readonly string[];
}

/**
 * Up to `count` indexers among the members, without self. Those chosen before stay as long as they are members, so that a list which
 * grows does not make everybody move; the others are drawn, so that not everybody begins with the same ones.
 */
export function chooseIndexers(
  members: readonly Member[],
  options: {
    readonly self: string;
    readonly count: number;
    readonly before: readonly NamedIndexer[];
    readonly random: Random;
  },
): readonly NamedIndexer[] {
  const { self, count, random } = options;
  const before = new Set(options.before.map(({ ID }) => ID));
  const candidates = members
    .filter(({ peerId, tags, addresses }) => peerId !== self && addresses.length > 0 && tags.includes(TAG))
    .map((member) => ({ member, rank: before.has(member.peerId) ? -1 : random.integer(1_000_000) }))
    .toSorted((left, right) => left.rank - right.rank);
  return candidates.slice(0, count).map(({ member }) => ({ ID: member.peerId, Addrs: member.addresses }));
}
