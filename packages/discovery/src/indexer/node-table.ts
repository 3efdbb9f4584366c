/**
 * The live heartbeat records of an indexer (discovery spec 12.2, 12.7). Every look-up is direct and nothing is copied
 * per heartbeat (F:56). A record that has expired is out of sight at once; {@link LiveNodeTable.takeExpired} hands the
 * expired ones over for clean-up, and a node that comes back before that finds its uptime again.
 */

import type { Clock, Random } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { NodeRecord, NodeTable, VerifiedRecord } from '../parts.ts';
import { UptimeTracker } from '../scoring/uptime.ts';
import type { PeerId } from '../wire/messages.ts';

/** What a heartbeat says of its sender. */
export interface HeartbeatFacts {
  readonly lastScore: number;
  readonly localScore: number | undefined;
  readonly isIndexer: boolean;
}

interface Slot {
  readonly record: NodeRecord;
  /** Where it stands in the list that is sampled from. */
  index: number;
}

export class LiveNodeTable implements NodeTable {
  readonly maxNodes: number;
  readonly #constants: Pick<DiscoveryConstants, 'heartbeatExpiryMs' | 'recommendedMs'>;
  readonly #clock: Clock;
  /** In the order of expiry, since every heartbeat buys the same time. */
  readonly #slots = new Map<PeerId, Slot>();
  /** The same slots in any order, without holes. */
  readonly #list: Slot[] = [];
  /** Expired, not yet cleaned up. */
  readonly #expired = new Map<PeerId, NodeRecord>();

  constructor(options: {
    readonly maxNodes: number;
    readonly constants: Pick<DiscoveryConstants, 'heartbeatExpiryMs' | 'recommendedMs'>;
    readonly clock: Clock;
  }) {
    this.maxNodes = options.maxNodes;
    this.#constants = options.constants;
    this.#clock = options.clock;
  }

  get size(): number {
    this.#expire();
    return this.#slots.size;
  }

  get fillRate(): number {
    return this.maxNodes <= 0 ? 0 : Math.min(1, this.size / this.maxNodes);
  }

  get isFull(): boolean {
    return this.size >= this.maxNodes;
  }

  get(peer: PeerId): NodeRecord | undefined {
    this.#expire();
    return this.#slots.get(peer)?.record;
  }

  has(peer: PeerId): boolean {
    return this.get(peer) !== undefined;
  }

  *values(): Iterable<NodeRecord> {
    this.#expire();
    for (const { record } of this.#slots.values()) yield record;
  }

  /**
   * Notes an accepted heartbeat and extends the life of the record, which is made if there is none (12.2.7). The
   * tracker stays the same object. Capacity is the caller's question.
   */
  upsert(peer: PeerId, facts: HeartbeatFacts): { readonly record: NodeRecord; readonly isNew: boolean } {
    const now = this.#clock.monotonic();
    this.#expire();
    const live = this.#slots.get(peer);
    const record = live?.record ?? this.#expired.get(peer) ?? this.#newRecord(peer, now);
    record.tracker.recordHeartbeat(now);
    record.expiresAt = now + this.#constants.heartbeatExpiryMs;
    record.lastScore = facts.lastScore;
    record.localScore = facts.localScore;
    record.isIndexer = facts.isIndexer;
    if (live !== undefined) {
      this.#slots.delete(peer);
      this.#slots.set(peer, live);
    } else {
      this.#expired.delete(peer);
      const slot: Slot = { record, index: this.#list.length };
      this.#slots.set(peer, slot);
      this.#list.push(slot);
    }
    return { record, isNew: live === undefined };
  }

  notePublished(peer: PeerId, did: string, verified: VerifiedRecord): void {
    const record = this.get(peer);
    if (record === undefined) return;
    record.did = did;
    record.verified = verified;
    record.tracker.touch(this.#clock.monotonic());
  }

  /** Up to `count` random live records that `accept` takes, each as likely as any other (12.3.5). */
  sample(count: number, random: Random, accept: (record: NodeRecord) => boolean): NodeRecord[] {
    this.#expire();
    const chosen: NodeRecord[] = [];
    // A shuffle that is carried only as far as it is looked at.
    for (let i = 0; i < this.#list.length && chosen.length < count; i++) {
      this.#swap(i, i + random.integer(this.#list.length - i));
      const { record } = this.#list[i] as Slot;
      if (accept(record)) chosen.push(record);
    }
    return chosen;
  }

  /** Removes a record at once. */
  remove(peer: PeerId): NodeRecord | undefined {
    const record = this.#detach(peer) ?? this.#expired.get(peer);
    this.#expired.delete(peer);
    return record;
  }

  /** The records that have expired since the last call, to be cleaned up after. */
  takeExpired(): readonly NodeRecord[] {
    this.#expire();
    const records = [...this.#expired.values()];
    this.#expired.clear();
    return records;
  }

  #newRecord(peer: PeerId, now: number): NodeRecord {
    return {
      peer,
      did: undefined,
      verified: undefined,
      addresses: [],
      tracker: new UptimeTracker(now, 2 * this.#constants.recommendedMs),
      expiresAt: now,
      lastScore: 0,
      localScore: undefined,
      isIndexer: false,
    };
  }

  #expire(): void {
    const now = this.#clock.monotonic();
    for (const { record } of this.#slots.values()) {
      if (now <= record.expiresAt) return;
      this.#detach(record.peer);
      this.#expired.set(record.peer, record);
    }
  }

  #detach(peer: PeerId): NodeRecord | undefined {
    const slot = this.#slots.get(peer);
    if (slot === undefined) return undefined;
    this.#slots.delete(peer);
    this.#swap(slot.index, this.#list.length - 1);
    this.#list.pop();
    return slot.record;
  }

  #swap(i: number, j: number): void {
    const a = this.#list[i] as Slot;
    const b = this.#list[j] as Slot;
    this.#list[i] = b;
    this.#list[j] = a;
    b.index = i;
    a.index = j;
  }
}
