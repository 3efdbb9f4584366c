import type { PeerInfo } from '@libp2p/interface';
import type { Clock } from '@muster/core';

/** How long a peer that answers name is not offered to the table again. */
const OFFERED_AGAIN_MS = 15_000;
const MAX_OFFERED = 4_096;

/** Remembers for a while which names were heard, at most `capacity` of them: beyond that the oldest count as news again. */
export class RecentNames {
  readonly #forMs: number;
  readonly #capacity: number;
  /** Monotonic milliseconds of when it was news; the oldest first. */
  readonly #heardAt = new Map<string, number>();

  constructor(forMs: number, capacity: number) {
    this.#forMs = forMs;
    this.#capacity = capacity;
  }

  /** True once in so long for each name. */
  isNews(name: string, now: number): boolean {
    const heardAt = this.#heardAt.get(name);
    if (heardAt !== undefined && now - heardAt < this.#forMs) return false;
    this.#heardAt.delete(name);
    this.#heardAt.set(name, now);
    const oldest = this.#heardAt.keys().next();
    if (this.#heardAt.size > this.#capacity && oldest.done !== true) this.#heardAt.delete(oldest.value);
    return true;
  }
}

/**
 * Every answer names twenty neighbours, most of whom are in the table already; to offer one to it costs more than all that was done
 * for the answer. From now on one that is only named is offered four times a minute at most; one that has connected, always.
 */
export function offerOnce(table: { onPeerConnect(peer: PeerInfo): Promise<void> }, clock: Clock): void {
  const offered = new RecentNames(OFFERED_AGAIN_MS, MAX_OFFERED);
  const offer = table.onPeerConnect.bind(table);
  table.onPeerConnect = async (peer) => {
    if ('protocols' in peer || offered.isNews(peer.id.toString(), clock.monotonic())) await offer(peer);
  };
}
