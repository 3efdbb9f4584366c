import type { Clock, EventBus } from '@muster/core';
import type { RegistryEvent } from '../model/events.ts';
import type { RegistryTopics } from '../registry.ts';

/** Events that are kept for readers that come back. */
export const FEED_HISTORY = 4_096;

/** One event of the log as readers see it: what happened to whom, and never a secret. */
export interface FeedEntry {
  /** Its place in the log; it outlives restarts. */
  readonly seq: number;
  readonly atMs: number;
  readonly type: RegistryEvent['type'];
  /** Nodes that it is about. */
  readonly nodeIds: readonly number[];
  readonly networkId: number | undefined;
  /** What a lease is for, and how it ended. */
  readonly lease?: { readonly resource: string; readonly why?: 'done' | 'given_up' | 'expired' };
}

/**
 * The registry's events for readers that stay, in the order of the log. An event is shown when it is durable, and not before: a
 * crash takes nothing back that a reader has seen. Signs of life are no events.
 */
export class EventFeed {
  readonly #clock: Clock;
  readonly #durableSeq: () => number;
  readonly #listeners = new Set<(entries: readonly FeedEntry[]) => void>();
  readonly #stop: () => void;
  /** Shown already, oldest first. */
  #history: FeedEntry[] = [];
  /** Not durable yet; the log bounds how many. */
  #pending: FeedEntry[] = [];
  /** Last event that was there before the feed began. */
  #startSeq = 0;

  constructor(options: {
    readonly bus: EventBus<RegistryTopics>;
    readonly clock: Clock;
    readonly durableSeq: () => number;
  }) {
    this.#clock = options.clock;
    this.#durableSeq = options.durableSeq;
    this.#stop = options.bus.on('registry.events', ({ payload }) => this.#take(payload));
  }

  /** Called once when the store has been loaded: what it holds is no news. */
  begin(): void {
    this.#startSeq = this.#durableSeq();
  }

  /** Last event that readers can have seen. */
  get lastSeq(): number {
    return this.#history.at(-1)?.seq ?? this.#startSeq;
  }

  /** Shows what has become durable. Called whenever the log has synced. */
  durable(): void {
    const until = this.#durableSeq();
    let count = 0;
    while ((this.#pending[count]?.seq ?? Infinity) <= until) count++;
    if (count === 0) return;
    const shown = this.#pending.splice(0, count);
    this.#history.push(...shown);
    if (this.#history.length >= 2 * FEED_HISTORY) this.#history = this.#history.slice(-FEED_HISTORY);
    for (const listener of this.#listeners) listener(shown);
  }

  /** Calls `listener` with each run of new entries. Returns the function that ends this. */
  on(listener: (entries: readonly FeedEntry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What was shown after event `seq`; undefined when that is not kept any more, or never was. */
  since(seq: number): readonly FeedEntry[] | undefined {
    if (seq > this.lastSeq) return undefined;
    const oldest = this.#history[0]?.seq ?? this.#startSeq + 1;
    if (seq < oldest - 1) return undefined;
    return this.#history.filter((entry) => entry.seq > seq);
  }

  stop(): void {
    this.#stop();
    this.#listeners.clear();
  }

  #take({ events, lastSeq }: RegistryTopics['registry.events']): void {
    const atMs = this.#clock.now();
    for (const [index, event] of events.entries()) {
      this.#pending.push(entryOf(event, lastSeq - events.length + 1 + index, atMs));
    }
    if (lastSeq <= this.#durableSeq()) this.durable();
  }
}

/** Takes over numbers, and resources of leases, which are short: events hold addresses, tokens' hashes and texts of any size. */
function entryOf(event: RegistryEvent, seq: number, atMs: number): FeedEntry {
  const { type } = event;
  switch (type) {
    case 'nodes.reaped':
      return { seq, atMs, type, nodeIds: event.ids, networkId: undefined };
    case 'network.joined':
    case 'network.left':
      return { seq, atMs, type, nodeIds: [event.node], networkId: event.network };
    case 'network.created':
      return { seq, atMs, type, nodeIds: [], networkId: event.id };
    case 'network.deleted':
    case 'network.renamed':
    case 'network.enterprise':
      return { seq, atMs, type, nodeIds: [], networkId: event.network };
    case 'lease.granted': {
      const lease = { resource: event.resource };
      return { seq, atMs, type, nodeIds: [event.node], networkId: undefined, lease };
    }
    case 'lease.released': {
      const lease = { resource: event.resource, why: event.why };
      return { seq, atMs, type, nodeIds: [], networkId: undefined, lease };
    }
    case 'trust.reported':
    case 'trust.revoked':
      return { seq, atMs, type, nodeIds: [event.by, event.peer], networkId: undefined };
    // Housekeeping, and settings: that it happened is all that is told.
    case 'tombstones.evicted':
    case 'settings.identity_webhook':
    case 'settings.identity_provider':
      return { seq, atMs, type, nodeIds: [], networkId: undefined };
    default:
      return { seq, atMs, type, nodeIds: 'id' in event ? [event.id] : [], networkId: undefined };
  }
}
