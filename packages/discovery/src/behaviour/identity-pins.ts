/**
 * Which DID a peer has claimed, and which peer has claimed a DID (discovery spec 17.3). Fault model: peers make as many
 * keys as they like, so the number of pins is bounded; the pin that was confirmed longest ago goes first, and whoever
 * keeps heartbeating confirms his every 20 s.
 */

import type { PeerId } from '../wire/messages.ts';

interface Pin {
  readonly did: string;
  readonly confirmedAt: number;
}

export class IdentityPins {
  /** Both maps are in the order of confirmation, the oldest first. */
  readonly #byPeer = new Map<PeerId, Pin>();
  readonly #byDid = new Map<string, PeerId>();
  readonly #limit: number;
  readonly #keepMs: number;
  readonly #isDidExclusive: boolean;

  /**
   * At most `limit` pins, each for `keepMs` after its last confirmation. `isDidExclusive` also ties a DID to its first
   * peer; where DIDs derive from keys the signature check of 9.3 has decided that already.
   */
  constructor(options: {
    readonly limit: number;
    readonly keepMs: number;
    readonly isDidExclusive: boolean;
  }) {
    this.#limit = options.limit;
    this.#keepMs = options.keepMs;
    this.#isDidExclusive = options.isDidExclusive;
  }

  get size(): number {
    return this.#byPeer.size;
  }

  /** Confirms or sets the pin of `peer`. False, and nothing changes, when the DID contradicts a pin. */
  confirm(peer: PeerId, did: string, now: number): boolean {
    this.sweep(now);
    const pin = this.#byPeer.get(peer);
    if (pin !== undefined && pin.did !== did) return false;
    const owner = this.#byDid.get(did);
    if (this.#isDidExclusive && owner !== undefined && owner !== peer) return false;
    this.#remove(peer);
    this.#byPeer.set(peer, { did, confirmedAt: now });
    if (this.#isDidExclusive) this.#byDid.set(did, peer);
    if (this.#byPeer.size > this.#limit) this.#removeOldest();
    return true;
  }

  /** Removes what has not been confirmed for too long. */
  sweep(now: number): void {
    for (const [peer, pin] of this.#byPeer) {
      if (now - pin.confirmedAt <= this.#keepMs) return;
      this.#remove(peer);
    }
  }

  #removeOldest(): void {
    for (const peer of this.#byPeer.keys()) {
      this.#remove(peer);
      return;
    }
  }

  #remove(peer: PeerId): void {
    const pin = this.#byPeer.get(peer);
    if (pin === undefined) return;
    this.#byPeer.delete(peer);
    if (this.#byDid.get(pin.did) === peer) this.#byDid.delete(pin.did);
  }
}
