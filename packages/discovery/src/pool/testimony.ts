import type { PeerId } from '../wire/messages.ts';

/** Indexers whose birth a witness must deny before it is a liar: one or two may have lied to it, or to us. */
const LEAST_DENIED = 3;

/**
 * What indexers of our pool say, as witnesses, of the birth of the others. Each indexer tells us its `born_at` itself, and
 * that changes only with a restart, so one who denies it of several slanders them (13.6 lets such a witness count
 * against its victims). Fill rates are left out: they move, and honest witnesses see them at other times.
 *
 * Fault model: to have an honest witness convicted, three indexers of one pool must give it another `born_at` than they
 * give us, and then every other witness denies theirs. Holds at most one word of each indexer of the pool about each other.
 */
export class Testimony {
  /** By witness, by indexer: whether the witness confirmed its birth the last time. */
  readonly #said = new Map<PeerId, Map<PeerId, boolean>>();

  note(witness: PeerId, indexer: PeerId, confirms: boolean): void {
    const said = this.#said.get(witness) ?? new Map<PeerId, boolean>();
    this.#said.set(witness, said);
    said.set(indexer, confirms);
  }

  hasSpokenOf(witness: PeerId, indexer: PeerId): boolean {
    return this.#said.get(witness)?.has(indexer) === true;
  }

  /** Whether it has denied a birth, so that it is worth asking about the other indexers as well. */
  isDoubtful(witness: PeerId): boolean {
    return [...(this.#said.get(witness)?.values() ?? [])].includes(false);
  }

  /** How many indexers it slanders: those whose birth it denies, if these are enough and more than it confirms; else 0. */
  slandered(witness: PeerId): number {
    const words = [...(this.#said.get(witness)?.values() ?? [])];
    const denied = words.filter((confirms) => !confirms).length;
    return denied >= LEAST_DENIED && denied > words.length - denied ? denied : 0;
  }

  /** The indexer has left the pool: neither its words nor those about it count any more. */
  forget(peer: PeerId): void {
    this.#said.delete(peer);
    for (const said of this.#said.values()) said.delete(peer);
  }
}
