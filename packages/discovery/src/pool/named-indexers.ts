import type { AddrInfo, PeerId } from '../wire/messages.ts';

/** Indexers that somebody names who is trusted to know some, such as a registry. Bounded: what is over the bound is left out. */
export class NamedIndexers {
  readonly #self: PeerId;
  readonly #max: number;
  #list: readonly AddrInfo[] = [];

  constructor(self: PeerId, max: number) {
    this.#self = self;
    this.#max = max;
  }

  list(): readonly AddrInfo[] {
    return this.#list;
  }

  /** Forgets those named before. Returns those that are new, or have new addresses. */
  replace(indexers: readonly AddrInfo[]): readonly AddrInfo[] {
    const before = new Map(this.#list.map(({ ID, Addrs }) => [ID, new Set(Addrs)]));
    this.#list = indexers.filter(({ ID }) => ID !== this.#self).slice(0, this.#max);
    return this.#list.filter(({ ID, Addrs }) => !Addrs.every((address) => before.get(ID)?.has(address)));
  }
}
