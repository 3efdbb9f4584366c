/**
 * The burst guard for strangers (discovery spec 17.5): so many new heartbeat peers in a sliding window, and no more.
 * Fault model: one holder of the pre-shared key comes as thousands of peers. Who was here lately does not count as new,
 * so that neither a reconnection nor a restart of this indexer has to wait in that line (F:72). Tokens are not given
 * back. Times are of the monotonic clock.
 */

import type { PeerId } from '../wire/messages.ts';

export class ConnectionGuard {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #memoryMs: number;
  readonly #maxRemembered: number;
  /** When tokens were taken, the oldest first: `limit` at most. */
  #taken: number[] = [];
  /** When peers were last seen, the oldest first. */
  readonly #seen = new Map<PeerId, number>();

  /** `limit` new peers per `windowMs`; at most `maxRemembered` peers are remembered, for `memoryMs` each. */
  constructor(options: {
    readonly limit: number;
    readonly windowMs: number;
    readonly memoryMs: number;
    readonly maxRemembered: number;
  }) {
    this.#limit = options.limit;
    this.#windowMs = options.windowMs;
    this.#memoryMs = options.memoryMs;
    this.#maxRemembered = options.maxRemembered;
  }

  /** Length of the window: how long a refused peer is told to wait. */
  get windowMs(): number {
    return this.#windowMs;
  }

  /** Peers remembered. */
  get size(): number {
    return this.#seen.size;
  }

  /** Whether {@link take} would succeed now. Takes nothing. */
  wouldAdmit(peer: PeerId, now: number): boolean {
    return this.remembers(peer, now) || this.#tokensLeft(now) > 0;
  }

  /** Admits a peer, with a token unless it was seen lately. */
  take(peer: PeerId, now: number): boolean {
    if (!this.remembers(peer, now)) {
      if (this.#tokensLeft(now) <= 0) return false;
      this.#taken.push(now);
    }
    this.noteSeen(peer, now);
    return true;
  }

  /** The peer is here: it is exempt for a while. `at` may lie before what was noted earlier. */
  noteSeen(peer: PeerId, at: number): void {
    this.#seen.delete(peer);
    this.#seen.set(peer, at);
    if (this.#seen.size <= this.#maxRemembered) return;
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest);
      return;
    }
  }

  remembers(peer: PeerId, now: number): boolean {
    const at = this.#seen.get(peer);
    return at !== undefined && now - at <= this.#memoryMs;
  }

  forget(peer: PeerId): void {
    this.#seen.delete(peer);
  }

  /** Peers seen lately and when, to be remembered across a restart. */
  *seen(now: number): Iterable<{ readonly peer: PeerId; readonly at: number }> {
    for (const [peer, at] of this.#seen) {
      if (now - at <= this.#memoryMs) yield { peer, at };
    }
  }

  /** Forgets peers that were not seen lately. */
  sweep(now: number): void {
    for (const [peer, at] of this.#seen) {
      if (now - at > this.#memoryMs) this.#seen.delete(peer);
    }
  }

  #tokensLeft(now: number): number {
    const since = now - this.#windowMs;
    if (this.#taken.some((at) => at <= since)) this.#taken = this.#taken.filter((at) => at > since);
    return this.#limit - this.#taken.length;
  }
}
