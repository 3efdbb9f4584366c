/**
 * The searches that this indexer runs for nodes (discovery spec 16.4, 16.6): who may begin one, the batches that wait to
 * be sent, and when it ends. A plain state machine; times are of a monotonic clock, in milliseconds.
 *
 * Fault model: responders and requesters may be hostile. A requester has a bounded number of searches, a query id can't
 * be taken over, a responder has a bounded number of frames per search, and what waits for a slow requester is bounded:
 * the oldest batch gives way, unverified ones before verified ones, and is counted (DEF-61, DEF-63).
 */

import type { PeerId, SearchHit } from '../wire/messages.ts';
import type { CheckedHit } from './hits.ts';
import { MAX_HITS_PER_SEARCH, SeenHits } from './hits.ts';

export interface PendingSearchLimits {
  /** Searches of one requester at a time. */
  readonly perRequester: number;
  readonly total: number;
  /** Batches that wait. */
  readonly queueBatches: number;
  /** Result frames of one responder to one search. */
  readonly framesPerSender: number;
  readonly idleMs: number;
  readonly maxMs: number;
}

/** `late`: no such search runs (any more). */
export type OfferResult = 'queued' | 'late' | 'too-many-frames' | 'nothing-new';

interface Pending {
  readonly requester: PeerId;
  readonly startedAt: number;
  readonly frames: Map<PeerId, number>;
  readonly seen: SeenHits;
  readonly verified: (readonly SearchHit[])[];
  readonly unverified: (readonly SearchHit[])[];
  idleAt: number;
  droppedBatches: number;
  hits: number;
}

/** What is known of a search when it ends. */
export interface SearchSummary {
  readonly hits: number;
  readonly droppedBatches: number;
  readonly ms: number;
}

export class PendingSearches {
  readonly #limits: PendingSearchLimits;
  readonly #searches = new Map<string, Pending>();

  constructor(limits: PendingSearchLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#searches.size;
  }

  has(query: string): boolean {
    return this.#searches.has(query);
  }

  /** Begins a search, unless the id is taken or a limit is reached. */
  open(query: string, requester: PeerId, now: number): 'opened' | 'duplicate' | 'too-many' {
    if (this.#searches.has(query)) return 'duplicate';
    let own = 0;
    for (const search of this.#searches.values()) if (search.requester === requester) own += 1;
    if (own >= this.#limits.perRequester || this.#searches.size >= this.#limits.total) return 'too-many';
    this.#searches.set(query, {
      requester,
      startedAt: now,
      frames: new Map(),
      seen: new SeenHits(MAX_HITS_PER_SEARCH),
      verified: [],
      unverified: [],
      idleAt: now + this.#limits.idleMs,
      droppedBatches: 0,
      hits: 0,
    });
    return 'opened';
  }

  /** Counts a frame of a responder. Anything but `counted` means that the frame is not looked at. */
  countFrame(query: string, sender: PeerId): 'counted' | 'late' | 'too-many-frames' {
    const search = this.#searches.get(query);
    if (search === undefined) return 'late';
    const frames = search.frames.get(sender) ?? 0;
    if (frames >= this.#limits.framesPerSender) return 'too-many-frames';
    search.frames.set(sender, frames + 1);
    return 'counted';
  }

  /** Queues what is new of checked hits; verified ones are sent before unverified ones. */
  offer(query: string, hits: readonly CheckedHit[]): OfferResult {
    const search = this.#searches.get(query);
    if (search === undefined) return 'late';
    const fresh = hits.filter((hit) => search.seen.isNew(hit));
    if (fresh.length === 0) return 'nothing-new';
    const verified = fresh.filter((hit) => hit.verified !== undefined);
    const unverified = fresh.filter((hit) => hit.verified === undefined);
    if (verified.length > 0) search.verified.push(verified.map(({ hit }) => hit));
    if (unverified.length > 0) search.unverified.push(unverified.map(({ hit }) => hit));
    while (search.verified.length + search.unverified.length > this.#limits.queueBatches) {
      if (search.unverified.shift() === undefined) search.verified.shift();
      search.droppedBatches += 1;
    }
    return 'queued';
  }

  /** Whether a batch waits to be sent. */
  hasBatch(query: string): boolean {
    const search = this.#searches.get(query);
    return search !== undefined && search.verified.length + search.unverified.length > 0;
  }

  /** The next batch to send. Taking one restarts the idle time-out. */
  take(query: string, now: number): readonly SearchHit[] | undefined {
    const search = this.#searches.get(query);
    const batch = search?.verified.shift() ?? search?.unverified.shift();
    if (search === undefined || batch === undefined) return undefined;
    search.idleAt = now + this.#limits.idleMs;
    search.hits += batch.length;
    return batch;
  }

  /** When the search ends unless a batch comes, and why it then ends; undefined when it is over. */
  deadline(query: string): { readonly at: number; readonly reason: 'idle' | 'limit' } | undefined {
    const search = this.#searches.get(query);
    if (search === undefined) return undefined;
    const endsAt = search.startedAt + this.#limits.maxMs;
    return search.idleAt < endsAt ? { at: search.idleAt, reason: 'idle' } : { at: endsAt, reason: 'limit' };
  }

  close(query: string, now: number): SearchSummary {
    const search = this.#searches.get(query);
    this.#searches.delete(query);
    if (search === undefined) return { hits: 0, droppedBatches: 0, ms: 0 };
    return { hits: search.hits, droppedBatches: search.droppedBatches, ms: now - search.startedAt };
  }
}
