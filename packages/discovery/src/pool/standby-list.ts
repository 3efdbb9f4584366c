import type { AddrInfo, PeerId } from '../wire/messages.ts';

/** Indexers that there was no room for, for a while, oldest first out (14). Replenishment begins here. */
export class StandbyList {
  readonly #max: number;
  readonly #keptMs: number;
  readonly #candidates = new Map<PeerId, { readonly candidate: AddrInfo; readonly since: number }>();

  constructor(max: number, keptMs: number) {
    this.#max = max;
    this.#keptMs = keptMs;
  }

  add(candidate: AddrInfo, now: number): void {
    this.#candidates.delete(candidate.ID);
    this.#candidates.set(candidate.ID, { candidate, since: now });
    for (const peer of this.#candidates.keys()) {
      if (this.#candidates.size <= this.#max) break;
      this.#candidates.delete(peer);
    }
  }

  drop(peer: PeerId): void {
    this.#candidates.delete(peer);
  }

  /** Takes up to `count` out of the list, newest first. */
  take(count: number, now: number, skip: (peer: PeerId) => boolean): readonly AddrInfo[] {
    const taken: AddrInfo[] = [];
    for (const [peer, { candidate, since }] of [...this.#candidates].toReversed()) {
      if (now - since > this.#keptMs) this.#candidates.delete(peer);
      else if (taken.length < count && !skip(peer)) {
        this.#candidates.delete(peer);
        taken.push(candidate);
      }
    }
    return taken;
  }

  get size(): number {
    return this.#candidates.size;
  }
}
