import type { PeerId } from '../wire/messages.ts';

interface Term {
  readonly until: number;
  readonly reason: string;
}

/**
 * Peers that are kept out of the pool for a time. Bounded: when it is full, the term that ends first gives way, so that
 * a flood of names can not push out a long quarantine with short ones.
 */
export class Denylist {
  readonly #max: number;
  readonly #terms = new Map<PeerId, Term>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Keeps the peer out until then; a longer term that runs already stays. */
  add(peer: PeerId, until: number, reason: string): void {
    const running = this.#terms.get(peer);
    if (running !== undefined && running.until >= until) return;
    this.#terms.set(peer, { until, reason });
    if (this.#terms.size <= this.#max) return;
    const [first] = [...this.#terms].sort(([, a], [, b]) => a.until - b.until);
    if (first !== undefined) this.#terms.delete(first[0]);
  }

  has(peer: PeerId, now: number): boolean {
    return this.reasonOf(peer, now) !== undefined;
  }

  /** Why it is kept out; undefined when it is not. */
  reasonOf(peer: PeerId, now: number): string | undefined {
    const term = this.#terms.get(peer);
    if (term === undefined) return undefined;
    if (term.until > now) return term.reason;
    this.#terms.delete(peer);
    return undefined;
  }

  delete(peer: PeerId): void {
    this.#terms.delete(peer);
  }

  list(now: number): readonly { readonly peer: PeerId; readonly until: number; readonly reason: string }[] {
    return [...this.#terms]
      .filter(([, { until }]) => until > now)
      .map(([peer, { until, reason }]) => ({ peer, until, reason }));
  }
}
