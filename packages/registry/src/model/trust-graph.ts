/** Who has declared a pair of nodes: the one with the smaller id, the other one, or an accepted handshake. */
export const TrustBit = { bySmaller: 1, byLarger: 2, accepted: 4 } as const;

/** The declarations of one node with the smaller id of each pair. */
export interface TrustEntry {
  readonly peers: Map<number, number>;
  /** Generation of the snapshot that has written this entry. */
  writtenBy: number;
  /** Sequence number of the last event that changed it. */
  changedBy: number;
}

/**
 * Trust between pairs of nodes. A pair counts only when both sides have reported it, or a handshake was accepted: a
 * report by one side alone stays pending until the other side confirms it (B-21).
 */
export class TrustGraph {
  /** Called with the smaller id of a pair before its entry changes. */
  beforeChange: ((smaller: number, entry: TrustEntry | undefined) => void) | undefined;
  readonly entries = new Map<number, TrustEntry>();
  /** From the larger id of each pair to the smaller ones. */
  readonly #reverse = new Map<number, Set<number>>();
  #pairs = 0;

  /** Pairs and pending reports. */
  get size(): number {
    return this.#pairs;
  }

  /** How many pairs and pending reports name this node. */
  countOf(node: number): number {
    return (this.entries.get(node)?.peers.size ?? 0) + (this.#reverse.get(node)?.size ?? 0);
  }

  /** The other node of every pair and pending report that names this node. */
  peersOf(node: number): number[] {
    return [...(this.entries.get(node)?.peers.keys() ?? []), ...(this.#reverse.get(node) ?? [])];
  }

  /** The declarations of a pair as {@link TrustBit}s; 0 when there are none. */
  bits(a: number, b: number): number {
    return this.entries.get(Math.min(a, b))?.peers.get(Math.max(a, b)) ?? 0;
  }

  /** Whether the pair is trusted by both sides. */
  trusted(a: number, b: number): boolean {
    const bits = this.bits(a, b);
    return (bits & TrustBit.accepted) !== 0 || bits === (TrustBit.bySmaller | TrustBit.byLarger);
  }

  /** Whether `node` itself has declared trust in `peer`. */
  declaredBy(node: number, peer: number): boolean {
    return (this.bits(node, peer) & TrustGraph.bitOf(node, peer)) !== 0;
  }

  /** The bit with which `node` declares its trust in `peer`. */
  static bitOf(node: number, peer: number): number {
    return node < peer ? TrustBit.bySmaller : TrustBit.byLarger;
  }

  /** Adds declarations to a pair. */
  add(a: number, b: number, bits: number, seq: number): void {
    const smaller = Math.min(a, b);
    const larger = Math.max(a, b);
    let entry = this.entries.get(smaller);
    this.beforeChange?.(smaller, entry);
    if (entry === undefined) {
      entry = { peers: new Map(), writtenBy: 0, changedBy: seq };
      this.entries.set(smaller, entry);
    }
    const before = entry.peers.get(larger);
    entry.peers.set(larger, (before ?? 0) | bits);
    entry.changedBy = seq;
    if (before === undefined) {
      this.#pairs++;
      const reverse = this.#reverse.get(larger);
      if (reverse === undefined) this.#reverse.set(larger, new Set([smaller]));
      else reverse.add(smaller);
    }
  }

  /** Forgets a pair and what was pending of it. */
  remove(a: number, b: number, seq: number): void {
    const smaller = Math.min(a, b);
    const larger = Math.max(a, b);
    const entry = this.entries.get(smaller);
    if (entry?.peers.has(larger) !== true) return;
    this.beforeChange?.(smaller, entry);
    entry.peers.delete(larger);
    entry.changedBy = seq;
    if (entry.peers.size === 0) this.entries.delete(smaller);
    this.#pairs--;
    const reverse = this.#reverse.get(larger);
    reverse?.delete(smaller);
    if (reverse?.size === 0) this.#reverse.delete(larger);
  }

  /** Sequence number of the last change of the pair's entry. */
  changedBy(a: number, b: number): number {
    return this.entries.get(Math.min(a, b))?.changedBy ?? 0;
  }
}
