/** Who is to pull what (coordination spec 11.2), and who may say so (11.3). */

import { rankOf, score } from '../election/hrw.ts';
import type { ClusterNode, Digest, ObjectKind } from '../types.ts';

/** Below that many nodes everybody prefetches. */
export const SMALL_CLUSTER = 8;

/** The children of one kind that one node is to pull. */
export interface PrefetchGroup {
  readonly owner: ClusterNode;
  readonly isSelf: boolean;
  readonly kind: ObjectKind;
  readonly digests: readonly Digest[];
}

export interface PrefetchPlan {
  readonly groups: readonly PrefetchGroup[];
  /** Children that somebody is asked for, repeated ones included: that is how the reference counts them. */
  readonly children: number;
  /** Distinct owners, self as one. */
  readonly pullers: number;
}

/**
 * Groups the children by the best node of each and by kind. A digest that is named twice is asked for once, as what it was
 * first. Without local hooks what falls to ourselves is left out.
 */
export function planPrefetch(options: {
  readonly children: readonly { readonly digest: Digest; readonly kind: ObjectKind }[];
  /** The best node of a digest; undefined when there are no nodes. */
  readonly ownerOf: (digest: Digest) => ClusterNode | undefined;
  readonly self: string;
  readonly isLocalWired: boolean;
}): PrefetchPlan {
  const { ownerOf, self, isLocalWired } = options;
  const groups = new Map<string, PrefetchGroup & { readonly digests: Digest[] }>();
  const seen = new Set<Digest>();
  let children = 0;
  for (const { digest, kind } of options.children) {
    const owner = ownerOf(digest);
    if (owner === undefined || (owner.id === self && !isLocalWired)) continue;
    children += 1;
    if (seen.has(digest)) continue;
    seen.add(digest);
    const key = `${kind} ${owner.id}`;
    const group = groups.get(key) ?? { owner, isSelf: owner.id === self, kind, digests: [] };
    group.digests.push(digest);
    groups.set(key, group);
  }
  const list = [...groups.values()];
  return { groups: list, children, pullers: new Set(list.map(({ owner }) => owner.id)).size };
}

/**
 * After how long this node may prefetch the children of the manifest, at most, in milliseconds; undefined when it is to leave
 * that to others. The best node begins at once, the others wait, so that their requests find the pulls running.
 */
export function prefetchDelayMs(options: {
  readonly nodes: readonly ClusterNode[];
  readonly self: string;
  readonly manifest: Digest;
  readonly coordinators: number;
  readonly jitterMs: number;
}): number | undefined {
  const { nodes, self, manifest, coordinators, jitterMs } = options;
  const rank = rankOf(nodes, self, manifest);
  if (rank >= 0 && rank < coordinators) return jitterMs * rank;
  if (nodes.length >= SMALL_CLUSTER) return undefined;
  return jitterMs * (rank === -1 ? nodes.length : rank);
}

/** The order in which this node copies children for itself: another one on every node (11.4). */
export function localPrefetchOrder<Child extends { readonly digest: Digest }>(
  self: string,
  children: readonly Child[],
): readonly Child[] {
  return children
    .map((child) => ({ child, key: score(self, child.digest) }))
    .sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1))
    .map(({ child }) => child);
}
