import type { PeerId } from './messages.ts';

export interface ReplayGuardOptions {
  /** How long a nonce is remembered, in milliseconds. */
  readonly keepMs: number;
  readonly maxPeers: number;
  readonly maxNoncesPerPeer: number;
}

/**
 * Remembers the nonces of each sender (discovery spec 4.4, 19.3). Memory is bounded by peers times nonces; a sender that
 * fills its share is held up alone, since forgetting a nonce early would let its message be replayed.
 */
export class ReplayGuard {
  readonly #options: ReplayGuardOptions;
  /** Nonces of a peer with the time they came, oldest first. */
  readonly #peers = new Map<PeerId, Map<string, number>>();

  constructor(options: ReplayGuardOptions) {
    this.#options = options;
  }

  /** Nonces that are remembered. */
  get size(): number {
    let size = 0;
    for (const nonces of this.#peers.values()) size += nonces.size;
    return size;
  }

  hasSeen(peer: PeerId, nonce: string, now: number): boolean {
    const at = this.#peers.get(peer)?.get(nonce);
    return at !== undefined && at > now - this.#options.keepMs;
  }

  /** Remembers an unseen nonce. `full`: there is no room for it, and the message is not to be taken. */
  add(peer: PeerId, nonce: string, now: number): 'added' | 'full' {
    const { maxPeers, maxNoncesPerPeer } = this.#options;
    let nonces = this.#peers.get(peer);
    if (nonces === undefined) {
      if (this.#peers.size >= maxPeers) this.#forgetOld(now);
      if (this.#peers.size >= maxPeers) return 'full';
      nonces = new Map();
      this.#peers.set(peer, nonces);
    }
    this.#prune(nonces, now);
    if (nonces.size >= maxNoncesPerPeer) return 'full';
    nonces.set(nonce, now);
    return 'added';
  }

  #forgetOld(now: number): void {
    for (const [peer, nonces] of this.#peers) {
      this.#prune(nonces, now);
      if (nonces.size === 0) this.#peers.delete(peer);
    }
  }

  #prune(nonces: Map<string, number>, now: number): void {
    for (const [nonce, at] of nonces) {
      if (at > now - this.#options.keepMs) return;
      nonces.delete(nonce);
    }
  }
}
