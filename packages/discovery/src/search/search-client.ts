/**
 * Searches of this node's users (discovery spec 16.3): one indexer is asked at a time, over a stream of its own, and
 * streams what it and the others know.
 *
 * Fault model: an indexer may be dead, slow, or lie. The next one is asked as long as nothing has come; a frame of
 * another query ends the stream; a hit with a record that does not hold is dropped; query ids are random, so that
 * nobody's name leaves this process (DEF-61). Every search ends: by the indexer, the idle time-out, the cap, a newer
 * search of the same user, or because its consumer left.
 */

import { errorCode } from '@muster/core';
import type { DiscoveryContext } from '../context.ts';
import type { FrameStream } from '../overlay/overlay.ts';
import type { Pool, VerifiedRecord } from '../parts.ts';
import { parsePeerAddress } from '../wire/addresses.ts';
import type { AddrInfo, PeerId, SearchHit, SearchPeerRequest, WireErrorCode } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeSearchResult, errorOf } from '../wire/schemas.ts';
import { criteriaOf } from './criteria.ts';
import { checkHit, MAX_HITS_PER_SEARCH, SeenHits } from './hits.ts';
import type { ReferencedTable } from './referenced-table.ts';
import { SearchTracker, type TrackerEnd } from './search-tracker.ts';

/** A peer that a search has found. */
export interface FoundPeer {
  readonly peer_id: PeerId;
  readonly did: string;
  readonly name: string;
  /** Whether a valid record of the peer came with it; without one it is hearsay. */
  readonly isVerified: boolean;
  readonly record?: VerifiedRecord;
}

/**
 * Why a search ended. `complete`: the indexer has ended it; `abandoned`: its consumer has left; `refused`: the indexer
 * refused the request, with a code; `broken`: the stream failed after results had come.
 */
export type SearchEndReason =
  | TrackerEnd
  | 'complete'
  | 'abandoned'
  | 'no-indexer'
  | 'refused'
  | 'broken'
  | 'shutting-down';

export interface SearchEnd {
  readonly reason: SearchEndReason;
  readonly code?: WireErrorCode;
  readonly hits: number;
  readonly ms: number;
}

/** A search that runs. Iterating gives what is found, as it comes; it ends without an error, and `ended` says why. */
export interface PeerSearch extends AsyncIterable<FoundPeer> {
  /** For {@link SearchClient.cancel}. */
  readonly key: string;
  /** Never rejects. */
  readonly ended: Promise<SearchEnd>;
  cancel(): void;
}

/** What one indexer made of the request. `next`: nothing came, another may be asked. */
type Attempt = 'complete' | 'broken' | 'next' | { readonly refused: WireErrorCode };

export interface SearchClientParts {
  readonly pool: Pool;
  /** On a process that is an indexer too: what it knows itself, and no pool tells it. */
  readonly referenced?: ReferencedTable;
}

const QUERY_ID_BYTES = 16;

export class SearchClient {
  readonly #context: DiscoveryContext;
  readonly #pool: Pool;
  readonly #referenced: ReferencedTable | undefined;
  readonly #tracker: SearchTracker;

  constructor(context: DiscoveryContext, parts: SearchClientParts) {
    this.#context = context;
    this.#pool = parts.pool;
    this.#referenced = parts.referenced;
    const { random, settings } = context;
    this.#tracker = new SearchTracker({
      random,
      idleMs: settings.searchTimeoutMs,
      maxMs: settings.searchMaxMs,
    });
  }

  /** Searches that run. */
  get running(): number {
    return this.#tracker.size;
  }

  /**
   * Begins a search at once: for a peer id, a DID, or a part of a name (2 or more characters). It replaces the one that
   * the user has. `signal` ends it early.
   */
  search(user: string, needle: string, options: { readonly signal?: AbortSignal } = {}): PeerSearch {
    const search = new Search(this.#context, this.#tracker, user);
    void this.#run(search, needle);
    if (options.signal?.aborted === true) search.end('cancelled');
    else options.signal?.addEventListener('abort', () => search.end('cancelled'), { once: true });
    return search;
  }

  /** Ends the user's search, if there is one. */
  cancelUser(user: string): boolean {
    return this.#tracker.cancelUser(user);
  }

  /** Ends the search with this key, if it runs. */
  cancel(key: string): boolean {
    return this.#tracker.cancelKey(key);
  }

  async #run(search: Search, needle: string): Promise<void> {
    const { clock, constants, events, logger, random, signal } = this.#context;
    const query = Buffer.from(random.bytes(QUERY_ID_BYTES)).toString('hex');
    const request: SearchPeerRequest = { query_id: query, ...criteriaOf(needle) };
    const onAbort = (): void => search.end('shutting-down');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    events.publish('search.started', { side: 'node', query });
    try {
      const own = this.#referenced?.match(request, clock.now(), constants.searchHitsPerAnswer) ?? [];
      this.#show(search, query, own);
      for (const indexer of this.#pool.reachable()) {
        if (search.isEnded) return;
        search.alive();
        const attempt = await this.#ask(search, indexer, request);
        if (attempt === 'next') continue;
        if (typeof attempt === 'string') search.end(attempt);
        else search.end('refused', attempt.refused);
        return;
      }
      search.end(own.length > 0 ? 'complete' : 'no-indexer');
    } catch (error) {
      logger.error({ query, error }, 'a search failed');
      search.end('broken');
    } finally {
      signal.removeEventListener('abort', onAbort);
      const { reason, hits, ms } = await search.ended;
      events.publish('search.ended', { side: 'node', query, reason, hits, ms });
    }
  }

  async #ask(search: Search, indexer: AddrInfo, request: SearchPeerRequest): Promise<Attempt> {
    const { constants, logger, overlay } = this.#context;
    const deadline = { timeoutMs: constants.searchDialMs, signal: search.signal };
    let frames = 0;
    let stream: FrameStream | undefined;
    try {
      stream = await overlay.open(indexer, PROTOCOLS.search, deadline);
      await stream.write(request, deadline);
      search.alive();
      for (;;) {
        const value = await stream.read({
          maxBytes: FRAME_LIMITS.searchResult,
          timeoutMs: this.#context.settings.searchMaxMs,
          signal: search.signal,
        });
        if (value === undefined || search.isEnded) {
          await stream.close();
          return 'complete';
        }
        const outcome = this.#take(search, request.query_id, value);
        if (outcome !== undefined) {
          stream.reset();
          return outcome === 'next' && frames > 0 ? 'broken' : outcome;
        }
        frames += 1;
      }
    } catch (error) {
      // Closing is the cancel signal (7.4); a reset says the same.
      stream?.reset();
      if (search.isEnded) return 'broken';
      logger.debug({ peer: indexer.ID, code: errorCode(error) }, 'an indexer did not search');
      return frames > 0 ? 'broken' : 'next';
    }
  }

  /** Takes one frame. Undefined: go on reading. */
  #take(search: Search, query: string, value: unknown): Attempt | undefined {
    const error = errorOf(value);
    if (error !== undefined) {
      // Our own fault, which no other indexer would see otherwise; anything else the next one may do better.
      return error.code === 'bad_request' ? { refused: error.code } : 'next';
    }
    const result = decodeSearchResult(value);
    if (result.query_id !== query) return 'next';
    search.alive();
    this.#show(search, query, result.records);
    return undefined;
  }

  /** Hands the hits that hold, and are new, to the consumer. */
  #show(search: Search, query: string, records: readonly SearchHit[]): void {
    let hits = 0;
    for (const record of records) {
      const checked = checkHit(record, this.#context);
      if (checked === undefined || !search.seen.isNew(checked)) continue;
      const { hit, verified } = checked;
      search.push({
        peer_id: hit.peer_id,
        did: hit.did,
        name: hit.name,
        isVerified: verified !== undefined,
        ...(verified !== undefined && { record: verified }),
      });
      hits += 1;
      const address = verified === undefined ? undefined : parsePeerAddress(verified.record.stream_address);
      if (address !== undefined) this.#pool.noteKnownPeer(address);
    }
    if (hits > 0) this.#context.events.publish('search.hits', { side: 'node', query, hits });
  }
}

/** One search: its place in the tracker, its timers, and what waits for the consumer. */
class Search implements PeerSearch {
  readonly key: string;
  readonly ended: Promise<SearchEnd>;
  readonly seen = new SeenHits(MAX_HITS_PER_SEARCH);
  readonly #context: DiscoveryContext;
  readonly #tracker: SearchTracker;
  readonly #startedAt: number;
  readonly #controller = new AbortController();
  readonly #waiting: FoundPeer[] = [];
  #resolveEnded: (end: SearchEnd) => void = () => {};
  #wake: () => void = () => {};
  #timer: { cancel(): void } | undefined;
  #isEnded = false;
  #hits = 0;

  constructor(context: DiscoveryContext, tracker: SearchTracker, user: string) {
    this.#context = context;
    this.#tracker = tracker;
    this.#startedAt = context.clock.monotonic();
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.key = tracker.register(user, this.#startedAt, (reason) => this.end(reason));
    this.#schedule();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Aborted when the search has ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the idle time-out starts again. */
  alive(): void {
    if (this.#tracker.resetIdle(this.key, this.#context.clock.monotonic())) this.#schedule();
  }

  push(found: FoundPeer): void {
    // Late results of a search that has been replaced.
    if (this.#isEnded) return;
    this.#hits += 1;
    this.#waiting.push(found);
    this.#wake();
  }

  cancel(): void {
    this.end('cancelled');
  }

  end(reason: SearchEndReason, code?: WireErrorCode): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#timer?.cancel();
    this.#tracker.finish(this.key);
    this.#controller.abort();
    const ms = this.#context.clock.monotonic() - this.#startedAt;
    this.#resolveEnded({ reason, hits: this.#hits, ms, ...(code !== undefined && { code }) });
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FoundPeer, void> {
    try {
      for (;;) {
        for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
        if (this.#isEnded) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.end('abandoned');
    }
  }

  #schedule(): void {
    this.#timer?.cancel();
    const deadline = this.#tracker.deadline(this.key);
    if (deadline === undefined) return;
    const { clock, timers } = this.#context;
    this.#timer = timers.after(deadline - clock.monotonic(), () => {
      this.#tracker.expire(clock.monotonic());
      // A timer may be early by a rounding.
      if (!this.#isEnded) this.#schedule();
    });
  }
}
