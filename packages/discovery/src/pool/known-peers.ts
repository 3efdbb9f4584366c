import type { Random } from '@muster/core';
import type { AddrInfo, PeerId } from '../wire/messages.ts';

interface Known {
  readonly info: AddrInfo;
  /** The indexer that named it, if one did. */
  readonly from: PeerId | undefined;
  /** Newest verdict of this witness about each indexer: whether it agreed with what we see. */
  readonly verdicts: Map<PeerId, boolean>;
}

/** Indexers remembered of one witness. */
const VERDICTS_KEPT = 16;

/**
 * Peers that we know from witness answers, search hits and get results, the least recently met forgotten first (13.6).
 * Witnesses of our own choice come from here, since those that an indexer names may be its accomplices (F:50).
 *
 * Witnesses lie as well. One that contradicts what we see of two indexers or more, and of more than it agrees with, is
 * not believed: a liar contradicts us everywhere, an honest witness only where the indexer lies.
 */
export class KnownPeers {
  readonly #max: number;
  readonly #peers = new Map<PeerId, Known>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#peers.size;
  }

  note(info: AddrInfo, from?: PeerId): void {
    const known = this.#peers.get(info.ID);
    this.#peers.delete(info.ID);
    this.#peers.set(info.ID, {
      info: info.Addrs.length > 0 || known === undefined ? info : known.info,
      from: known === undefined ? from : known.from === from ? from : undefined,
      verdicts: known?.verdicts ?? new Map<PeerId, boolean>(),
    });
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= this.#max) break;
      this.#peers.delete(oldest);
    }
  }

  drop(peer: PeerId): void {
    this.#peers.delete(peer);
  }

  /** Notes that this witness agreed, or not, with what we see of the indexer. */
  noteVerdict(witness: PeerId, indexer: PeerId, agrees: boolean): void {
    const verdicts = this.#peers.get(witness)?.verdicts;
    if (verdicts === undefined) return;
    verdicts.delete(indexer);
    verdicts.set(indexer, agrees);
    for (const oldest of verdicts.keys()) {
      if (verdicts.size <= VERDICTS_KEPT) break;
      verdicts.delete(oldest);
    }
  }

  isCredible(witness: PeerId): boolean {
    const verdicts = [...(this.#peers.get(witness)?.verdicts.values() ?? [])];
    const against = verdicts.filter((agrees) => !agrees).length;
    return against < 2 || against <= verdicts.length - against;
  }

  /** Whether it has agreed with what we see of an indexer other than this one. */
  hasAgreedAbout(witness: PeerId, indexer: PeerId): boolean {
    const verdicts = this.#peers.get(witness)?.verdicts ?? new Map<PeerId, boolean>();
    return [...verdicts].some(([about, agrees]) => agrees && about !== indexer);
  }

  /** All of them that pass, in random order; those that this indexer has not named to us come first. */
  candidates(about: PeerId, random: Random, accept: (peer: PeerId) => boolean): readonly AddrInfo[] {
    const own: AddrInfo[] = [];
    const named: AddrInfo[] = [];
    for (const { info, from } of shuffled([...this.#peers.values()], random)) {
      if (info.ID === about || !accept(info.ID)) continue;
      (from === about ? named : own).push(info);
    }
    return [...own, ...named];
  }
}

/** A shuffled copy. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i -= 1) {
    const j = random.integer(i + 1);
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
