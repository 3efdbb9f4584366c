/**
 * Who may be elected for a digest (coordination spec 7.2 and 7.3): the cluster or the own zone, and, for a while after the
 * members have changed, those who would have been asked before.
 */

import type { ClusterNode, Digest } from '../types.ts';
import { order, topK } from './hrw.ts';

export type ElectionScope = 'cluster' | 'zone';

/**
 * The nodes among which pullers are elected: those of the own zone in zone scope, and the whole cluster otherwise, also when
 * the own zone is unknown or has nobody.
 */
export function scopedNodes(
  nodes: readonly ClusterNode[],
  scope: string,
  ownZone: string,
): readonly ClusterNode[] {
  if (scope !== 'zone' || ownZone === '') return nodes;
  const local = nodes.filter((node) => node.zone === ownZone);
  return local.length === 0 ? nodes : local;
}

/** One node to be probed. */
export interface Candidate {
  readonly node: ClusterNode;
  /** The requester's own rank of it among those who may be elected; `Infinity` when it has left. */
  readonly rank: number;
  /** Asked only because it was among the best a moment ago: not to be made a puller while there is another. */
  readonly isFromBefore: boolean;
}

/** The view of elections. Fed with every snapshot of members; times are milliseconds of a monotonic clock. */
export class ElectionView {
  readonly #scope: ElectionScope;
  readonly #overlapMs: number;
  #snapshot: readonly ClusterNode[] | undefined;
  #zone = '';
  #nodes: readonly ClusterNode[] = [];
  #previous: readonly ClusterNode[] = [];
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly hrwScope: ElectionScope; readonly hrwViewOverlapMs: number }) {
    this.#scope = options.hrwScope;
    this.#overlapMs = options.hrwViewOverlapMs;
  }

  /** Those who may be elected now. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** The zone of this node as it was seen last; empty when unknown. */
  get ownZone(): string {
    return this.#zone;
  }

  /** Takes in a snapshot and the own zone. To be called on every change of members, and before every election. */
  observe(snapshot: readonly ClusterNode[], ownZone: string, now: number): void {
    if (snapshot === this.#snapshot && ownZone === this.#zone) return;
    const nodes = scopedNodes(snapshot, this.#scope, ownZone);
    if (!hasSameIds(nodes, this.#nodes)) {
      this.#previous = this.#nodes;
      this.#changedAt = now;
    }
    this.#snapshot = snapshot;
    this.#zone = ownZone;
    this.#nodes = nodes;
  }

  /**
   * The best `count` nodes, best first; after a change of members also those of the view before it, as long as there are not
   * more than `limit` in all.
   */
  candidates(digest: Digest, count: number, limit: number, now: number): readonly Candidate[] {
    const best = topK(this.#nodes, digest, count);
    const candidates = best.map((node, rank): Candidate => ({ node, rank, isFromBefore: false }));
    if (now - this.#changedAt >= this.#overlapMs || candidates.length >= limit) return candidates;
    const asked = new Set(best.map((node) => node.id));
    const further = topK(this.#previous, digest, count).filter((node) => !asked.has(node.id));
    if (further.length === 0) return candidates;
    const ranked = order(this.#nodes, digest);
    return [
      ...candidates,
      ...further
        .map((node): Candidate => {
          const rank = ranked.findIndex((other) => other.id === node.id);
          if (rank === -1) return { node, rank: Number.POSITIVE_INFINITY, isFromBefore: true };
          return { node: ranked[rank] as ClusterNode, rank, isFromBefore: true };
        })
        .sort(byRank),
    ].slice(0, limit);
  }
}

function byRank(a: Candidate, b: Candidate): number {
  return a.rank === b.rank ? 0 : a.rank - b.rank;
}

function hasSameIds(a: readonly ClusterNode[], b: readonly ClusterNode[]): boolean {
  if (a.length !== b.length) return false;
  const ids = new Set(b.map((node) => node.id));
  return a.every((node) => ids.has(node.id));
}
