/**
 * Whom a walk through the table knows, nearest to its key first, and whom it asks next: Kademlia's iterative lookup (Maymounkov and
 * Mazières 2002, section 2.3) as a plain model.
 *
 * Fault model: answers may name any number of peers, invented ones among them. Only the nearest `capacity` are kept; a peer that
 * does not answer is passed over.
 */

/** Places are 32 bytes: the SHA-256 of a peer id or of a key. */
type Place = Uint8Array;

interface Entry<Peer> {
  readonly id: string;
  readonly peer: Peer;
  readonly distance: Uint8Array;
  state: 'new' | 'asked' | 'answered' | 'failed';
}

export class Shortlist<Peer> {
  readonly #target: Place;
  readonly #capacity: number;
  /** By identity; also those that nearer ones have pushed out. */
  readonly #known = new Map<string, Entry<Peer>>();
  #sorted: Entry<Peer>[] = [];

  constructor(target: Place, capacity: number) {
    this.#target = target;
    this.#capacity = capacity;
  }

  /** Whether the peer was added before, and not too far away. */
  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** Adds a peer that is at `place`, unless it is known. */
  add(id: string, place: Place, peer: Peer): void {
    if (this.has(id)) return;
    const distance = place.map((byte, index) => byte ^ (this.#target[index] ?? 0));
    const entry: Entry<Peer> = { id, peer, distance, state: 'new' };
    const at = this.#sorted.findIndex((other) => Buffer.compare(distance, other.distance) < 0);
    if (at < 0 && this.#sorted.length >= this.#capacity) return;
    this.#sorted.splice(at < 0 ? this.#sorted.length : at, 0, entry);
    this.#known.set(id, entry);
    this.#sorted.length = Math.min(this.#sorted.length, this.#capacity);
  }

  /** The nearest peer that is to be asked, of the `breadth` nearest that have not failed; counts as asked from now on. */
  next(breadth: number): { readonly id: string; readonly peer: Peer } | undefined {
    const entry = this.#nearest(breadth).find(({ state }) => state === 'new');
    if (entry !== undefined) entry.state = 'asked';
    return entry;
  }

  /** An asked peer has answered, or will not. */
  settle(id: string, state: 'answered' | 'failed'): void {
    const entry = this.#known.get(id);
    if (entry !== undefined) entry.state = state;
  }

  /** Whether the `breadth` nearest that have not failed have all answered: nobody who is nearer is left to ask. */
  isSettled(breadth: number): boolean {
    return this.#nearest(breadth).every(({ state }) => state === 'answered');
  }

  /** Those of the `count` nearest that have not failed. */
  nearest(count: number): readonly Peer[] {
    return this.#nearest(count).map(({ peer }) => peer);
  }

  #nearest(count: number): readonly Entry<Peer>[] {
    return this.#sorted.filter(({ state }) => state !== 'failed').slice(0, count);
  }
}
