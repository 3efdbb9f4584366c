/**
 * Rendezvous hashing (coordination spec 7.1): every node ranks the nodes of a digest by itself, and all that see the same
 * members get the same order. Bit for bit a contract with the nodes of the reference.
 */

import { hash } from 'node:crypto';
import type { Digest } from '../types.ts';

/** What is ranked: anything with a node id. */
export interface Ranked {
  readonly id: string;
}

/**
 * SHA-256 of the id and the digest text, both as UTF-8 and without a separator, in lower-case hex: such texts compare as
 * the bytes do.
 */
export function score(id: string, digest: Digest): string {
  // A digest begins with an ASCII letter, so that joining the texts first gives the same bytes.
  return hash('sha256', id + digest, 'hex');
}

/** Negative when the first is the better one: higher score, then the byte-wise larger UTF-8 of the id. */
export function compareScored(
  a: { readonly id: string; readonly score: string },
  b: { readonly id: string; readonly score: string },
): number {
  if (a.score !== b.score) return a.score > b.score ? -1 : 1;
  return a.id === b.id ? 0 : Buffer.compare(Buffer.from(b.id), Buffer.from(a.id));
}

/** All nodes, best first. Duplicate ids stay, in their order. */
export function order<Node extends Ranked>(nodes: readonly Node[], digest: Digest): readonly Node[] {
  return nodes
    .map((node) => ({ id: node.id, score: score(node.id, digest), node }))
    .sort(compareScored)
    .map(({ node }) => node);
}

/** The best `k` nodes, best first; nothing when `k` is not positive. */
export function topK<Node extends Ranked>(
  nodes: readonly Node[],
  digest: Digest,
  k: number,
): readonly Node[] {
  if (k <= 0) return [];
  const best: { readonly id: string; readonly score: string; readonly node: Node }[] = [];
  for (const node of nodes) {
    const entry = { id: node.id, score: score(node.id, digest), node };
    let at = best.length;
    while (at > 0 && compareScored(entry, best[at - 1] as (typeof best)[number]) < 0) at -= 1;
    if (at >= k) continue;
    best.splice(at, 0, entry);
    if (best.length > k) best.pop();
  }
  return best.map(({ node }) => node);
}

/** The 0-based rank of the first node with that id, or -1 when there is none. */
export function rankOf(nodes: readonly Ranked[], id: string, digest: Digest): number {
  if (!nodes.some((node) => node.id === id)) return -1;
  const own = { id, score: score(id, digest) };
  let rank = 0;
  for (const node of nodes) {
    if (compareScored({ id: node.id, score: score(node.id, digest) }, own) < 0) rank += 1;
  }
  return rank;
}

/** Digests whose ranks are remembered. */
const REMEMBERED_RANKS = 1024;

/**
 * {@link rankOf} for one node that is asked for again and again: the whole cluster asks a puller about the same few digests,
 * and each answer would hash every member. Forgets everything when it is handed another array of members, so arrays of
 * members must not be changed in place.
 */
export class RankMemo {
  readonly #ranks = new Map<string, number>();
  #nodes: readonly Ranked[] | undefined;

  /** As {@link rankOf}. */
  rankOf(nodes: readonly Ranked[], id: string, digest: Digest): number {
    if (nodes !== this.#nodes) {
      this.#ranks.clear();
      this.#nodes = nodes;
    }
    const key = digest + id;
    const known = this.#ranks.get(key);
    if (known !== undefined) return known;
    const rank = rankOf(nodes, id, digest);
    if (this.#ranks.size >= REMEMBERED_RANKS) {
      const oldest = this.#ranks.keys().next();
      if (oldest.done !== true) this.#ranks.delete(oldest.value);
    }
    this.#ranks.set(key, rank);
    return rank;
  }
}
