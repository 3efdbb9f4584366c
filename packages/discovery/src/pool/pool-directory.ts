import type { Random } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntryView } from '../parts.ts';
import { drawChallengeGap } from '../heartbeat/challenge-schedule.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { PoolEntry } from './pool-entry.ts';

export type Refusal = 'self' | 'known' | 'no-address' | 'full';

export type Insertion =
  | { readonly entry: PoolEntry; readonly replaced: PoolEntry | undefined }
  | { readonly refused: Refusal };

/** Indexers that have left of which the last heartbeat is remembered. */
const MAX_LEFT = 64;

/**
 * The pool of indexers (11.1, 14): the one place where its live entries are. Every operation is synchronous, so that
 * no reader or writer ever finds it half-changed (F:33). The key is the peer id, so one indexer is never in it twice,
 * whatever address was seen first. Times are monotonic milliseconds.
 */
export class PoolDirectory {
  readonly maxSize: number;
  readonly #self: PeerId;
  readonly #constants: DiscoveryConstants;
  readonly #random: Random;
  readonly #entries = new Map<PeerId, PoolEntry>();
  /** When those that have left were last sent a heartbeat; the one that left first comes first. */
  readonly #lastSent = new Map<PeerId, number>();

  constructor(options: {
    readonly self: PeerId;
    readonly maxSize: number;
    readonly constants: DiscoveryConstants;
    readonly random: Random;
  }) {
    this.#self = options.self;
    this.maxSize = options.maxSize;
    this.#constants = options.constants;
    this.#random = options.random;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many more indexers there is room for; entries that refuse us for long give theirs up. */
  get need(): number {
    return Math.max(0, this.maxSize - this.entries().filter(({ isUnusable }) => !isUnusable).length);
  }

  has(peer: PeerId): boolean {
    return this.#entries.has(peer);
  }

  /** The live entry. Only the models of the pool and the heartbeat write to it. */
  get(peer: PeerId): PoolEntry | undefined {
    return this.#entries.get(peer);
  }

  /** Whether this object still is the entry of its peer: false once it was evicted, even if the peer came back. */
  holds(entry: PoolEntry): boolean {
    return this.#entries.get(entry.peer) === entry;
  }

  /** The live entries, in an array of their own. */
  entries(): PoolEntry[] {
    return [...this.#entries.values()];
  }

  healthy(now: number): PoolEntry[] {
    return this.entries().filter((entry) => entry.isHealthy(now));
  }

  /**
   * Inserts an indexer. Over the cap only seeds are taken, and one more while a migration is pending (F:23, F:32); else
   * the slot of an entry that refuses us is used.
   */
  insert(
    candidate: AddrInfo,
    options: { readonly isSeed: boolean; readonly now: number; readonly suggestedBy?: PeerId | undefined },
  ): Insertion {
    if (candidate.ID === this.#self) return { refused: 'self' };
    if (candidate.Addrs.length === 0) return { refused: 'no-address' };
    const known = this.#entries.get(candidate.ID);
    if (known !== undefined) {
      known.addresses = [...new Set([...known.addresses, ...candidate.Addrs])].slice(
        0,
        this.#constants.maxAddresses,
      );
      return { refused: 'known' };
    }
    const replaced = this.#slotToFree(options.isSeed);
    if (replaced === 'none') return { refused: 'full' };
    if (replaced !== undefined) this.remove(replaced);
    const entry = new PoolEntry({
      ...options,
      peer: candidate.ID,
      addresses: candidate.Addrs.slice(0, this.#constants.maxAddresses),
      constants: this.#constants,
      nextChallenge: drawChallengeGap(this.#random, this.#constants),
    });
    // The indexer goes on counting when it leaves our pool and comes back (F:15).
    entry.lastSent = this.#lastSent.get(entry.peer);
    this.#entries.set(entry.peer, entry);
    return { entry, replaced };
  }

  #slotToFree(isSeed: boolean): PoolEntry | undefined | 'none' {
    const entries = this.entries();
    const extra = entries.some(({ isMigrationPending }) => isMigrationPending) ? 1 : 0;
    if (isSeed || entries.length < this.maxSize + extra) return undefined;
    return entries.find((entry) => entry.isUnusable && !entry.isSeed) ?? 'none';
  }

  /** Removes this object; false if it no longer is in the pool. */
  remove(entry: PoolEntry): boolean {
    if (!this.holds(entry)) return false;
    if (entry.lastSent !== undefined) {
      this.#lastSent.delete(entry.peer);
      const oldest = this.#lastSent.keys().next().value;
      if (this.#lastSent.size >= MAX_LEFT && oldest !== undefined) this.#lastSent.delete(oldest);
      this.#lastSent.set(entry.peer, entry.lastSent);
    }
    return this.#entries.delete(entry.peer);
  }

  /** Copies for readers. */
  view(now: number, referent: PeerId | undefined): readonly PoolEntryView[] {
    return this.entries().map((entry) => entry.view(now, entry.peer === referent));
  }
}
