import type { DiscoveryConstants } from '../constants.ts';
import type { PeerId } from '../wire/messages.ts';

/**
 * Which nodes an overloaded indexer asks to move (discovery spec 12.3.7): a few at a time, and each of them no more
 * once it has ignored the proposal. Holds at most as many entries as there are live nodes.
 */
export class OffloadPlan {
  readonly #constants: Pick<DiscoveryConstants, 'offloadThreshold' | 'offloadBatch' | 'offloadGraceMs'>;
  /** Asked to move, and when. */
  readonly #batch = new Map<PeerId, number>();
  readonly #alreadyTried = new Set<PeerId>();

  constructor(constants: Pick<DiscoveryConstants, 'offloadThreshold' | 'offloadBatch' | 'offloadGraceMs'>) {
    this.#constants = constants;
  }

  /** Nodes that are asked to move, and nodes that have ignored it. */
  get sizes(): { readonly batch: number; readonly alreadyTried: number } {
    return { batch: this.#batch.size, alreadyTried: this.#alreadyTried.size };
  }

  isOverloaded(fillRate: number): boolean {
    return fillRate > this.#constants.offloadThreshold;
  }

  /** Whether the answer to this node proposes to move. `hasSuggestions`: without an alternative nobody is asked. */
  propose(
    peer: PeerId,
    load: { readonly fillRate: number; readonly peerCount: number; readonly hasSuggestions: boolean },
    now: number,
  ): boolean {
    if (!this.isOverloaded(load.fillRate)) {
      this.#batch.clear();
      this.#alreadyTried.clear();
      return false;
    }
    if (!load.hasSuggestions) return false;
    for (const [asked, at] of this.#batch) {
      if (now - at <= this.#constants.offloadGraceMs) continue;
      this.#batch.delete(asked);
      this.#alreadyTried.add(asked);
    }
    if (this.#alreadyTried.size >= load.peerCount) this.#alreadyTried.clear();
    if (this.#alreadyTried.has(peer)) return false;
    if (this.#batch.has(peer)) return true;
    if (this.#batch.size >= this.#constants.offloadBatch) return false;
    this.#batch.set(peer, now);
    return true;
  }

  /** The node has left. Says whether it was being asked to. */
  drop(peer: PeerId): boolean {
    this.#alreadyTried.delete(peer);
    return this.#batch.delete(peer);
  }
}
