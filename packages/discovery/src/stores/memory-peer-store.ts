import { canonicalJson } from '@muster/core/identity';
import type { PeerId } from '../wire/messages.ts';
import { type PeerStore, type Relation, RELATIONS, type StoredPeer } from './peer-store.ts';

/** Peers without a relation that are kept; those with one are the operator's, and all are kept. */
const DEFAULT_MAX_STRANGERS = 2_000;

/**
 * Peers in memory (section 23). A peer id belongs to one peer: storing it under another DID replaces the older entry.
 * Strangers are bounded: beyond `maxStrangers`, the one that was stored first goes.
 */
export class MemoryPeerStore implements PeerStore {
  readonly #peers = new Map<string, StoredPeer>();
  readonly #idByPeer = new Map<PeerId, string>();
  /** Ids of peers without a relation, the one stored longest ago first. */
  readonly #strangers = new Set<string>();
  readonly #listeners = new Set<(peer: StoredPeer) => void>();
  readonly #maxStrangers: number;

  constructor(peers: Iterable<StoredPeer> = [], options: { readonly maxStrangers?: number } = {}) {
    this.#maxStrangers = options.maxStrangers ?? DEFAULT_MAX_STRANGERS;
    for (const peer of peers) this.#put(peer);
  }

  get(id: string): StoredPeer | undefined {
    return this.#peers.get(id);
  }

  findByPeerId(peer: PeerId): StoredPeer | undefined {
    const id = this.#idByPeer.get(peer);
    return id === undefined ? undefined : this.#peers.get(id);
  }

  list(filter: { readonly relation?: Relation } = {}): readonly StoredPeer[] {
    const all = [...this.#peers.values()];
    return filter.relation === undefined ? all : all.filter((peer) => peer.relation === filter.relation);
  }

  async upsert(peer: StoredPeer): Promise<void> {
    this.put(peer);
  }

  self(): StoredPeer | undefined {
    return this.list({ relation: RELATIONS.SELF })[0];
  }

  /** Calls the listener with each peer as it is stored; one that is removed comes once more, without a relation. */
  watch(listener: (peer: StoredPeer) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** {@link upsert}, at once. */
  put(peer: StoredPeer): void {
    this.#put(peer);
    this.#tell(peer);
  }

  /** Replaces everything, and tells of what differs. */
  replaceAll(peers: readonly StoredPeer[]): void {
    const kept = new Set(peers.map(({ id }) => id));
    const keptPeerIds = new Set(peers.map(({ peer_id }) => peer_id));
    for (const [id, peer] of this.#peers) {
      if (kept.has(id)) continue;
      this.#remove(id);
      if (!keptPeerIds.has(peer.peer_id)) this.#tell({ ...peer, relation: RELATIONS.NONE });
    }
    for (const peer of peers) {
      if (!isSame(this.#peers.get(peer.id), peer)) this.put(peer);
    }
  }

  #put(peer: StoredPeer): void {
    const namesake = this.#idByPeer.get(peer.peer_id);
    if (namesake !== undefined) this.#remove(namesake);
    this.#remove(peer.id);
    this.#peers.set(peer.id, peer);
    this.#idByPeer.set(peer.peer_id, peer.id);
    if (peer.relation !== RELATIONS.NONE) return;
    this.#strangers.add(peer.id);
    if (this.#strangers.size <= this.#maxStrangers) return;
    const [oldest] = this.#strangers;
    if (oldest !== undefined) this.#remove(oldest);
  }

  #remove(id: string): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    this.#idByPeer.delete(peer.peer_id);
    this.#strangers.delete(id);
  }

  #tell(peer: StoredPeer): void {
    for (const listener of this.#listeners) listener(peer);
  }
}

function isSame(a: StoredPeer | undefined, b: StoredPeer): boolean {
  return a === b || (a !== undefined && canonicalJson(a) === canonicalJson(b));
}
