/**
 * Distributed peer search on an indexer (discovery spec 16.4 to 16.6): it runs the searches of nodes (P7), asks the other
 * indexers over the topic, answers theirs, and takes their answers (P8).
 *
 * Fault model: requesters and responders may be hostile, the query id is public on the topic. Results count only from
 * known indexers, a hit with a record that does not hold is dropped (DEF-60), a query id in use can't be taken
 * (DEF-61), and searches, frames, batches and answers in progress are bounded (DEF-63).
 */

import type { DiscoveryContext } from '../context.ts';
import { type Exchange, Refusal, requireKnown, serveExchange } from '../indexer/exchange.ts';
import type { Behaviour, Gate, Pool, RecordDirectory, Suggestions } from '../parts.ts';
import type {
  PeerId,
  SearchHit,
  SearchPeerRequest,
  SearchPeerResult,
  SearchQuery,
} from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS, TOPICS } from '../wire/protocols.ts';
import { decodeSearchRequest, decodeSearchResult } from '../wire/schemas.ts';
import { criteriaIn, criteriaProblem } from './criteria.ts';
import { checkHit } from './hits.ts';
import { PendingSearches } from './pending-searches.ts';
import type { ReferencedTable } from './referenced-table.ts';
import { SearchResponder } from './search-responder.ts';
import { readSearchQuery, validateSearchQuery } from './topics.ts';

export interface SearchServerParts {
  readonly gate: Gate;
  readonly behaviour: Behaviour;
  readonly referenced: ReferencedTable;
  readonly pool: Pool;
  readonly suggestions: Suggestions;
  readonly directory: RecordDirectory;
}

/** How a search ended on the indexer's side. */
type End = 'idle' | 'limit' | 'closed' | 'blacklisted' | 'shutting_down' | 'failed' | 'refused';

interface Running {
  readonly requester: PeerId;
  /** Called when a batch waits, or the search has ended. */
  wake: () => void;
  end: End | undefined;
  /** What the requester is told when the search is ended for a fault of its own. */
  refusal: Refusal | undefined;
}

export class SearchServer {
  readonly #context: DiscoveryContext;
  readonly #parts: SearchServerParts;
  readonly #pending: PendingSearches;
  readonly #running = new Map<string, Running>();
  readonly #responder: SearchResponder;

  constructor(context: DiscoveryContext, parts: SearchServerParts) {
    this.#context = context;
    this.#parts = parts;
    const { constants, settings } = context;
    this.#pending = new PendingSearches({
      perRequester: constants.searchesPerRequester,
      total: constants.searchesAtOnce,
      queueBatches: constants.searchQueueBatches,
      framesPerSender: constants.searchFramesPerSender,
      idleMs: settings.searchTimeoutMs,
      maxMs: settings.searchMaxMs,
    });
    this.#responder = new SearchResponder(context, parts);
  }

  /** Searches that run. */
  get running(): number {
    return this.#pending.size;
  }

  start(): void {
    const { constants, events, overlay, settings, signal } = this.#context;
    const { behaviour, referenced } = this.#parts;
    overlay.handle(PROTOCOLS.search, async (stream) => {
      // The search itself ends by its cap; the bound here only has to be longer.
      const totalMs = settings.searchMaxMs + constants.getMs;
      await serveExchange(this.#context, stream, { totalMs, behaviour }, async (exchange) => {
        await this.#serveSearch(exchange);
      });
    });
    overlay.handle(PROTOCOLS.searchResponse, async (stream) => {
      const totalMs = constants.searchDialMs + constants.gateLookupIndexerMs;
      await serveExchange(this.#context, stream, { totalMs, behaviour }, async (exchange) => {
        await this.#takeResponse(exchange);
      });
    });
    overlay.gossip.subscribe(TOPICS.searchPeer, {
      validate: validateSearchQuery,
      deliver: (message) => {
        const query = readSearchQuery(message);
        if (query !== undefined) this.#responder.hear(query);
      },
    });
    const stopListening = events.on('peer.blacklisted', ({ payload: { peer } }) => {
      referenced.delete(peer);
      for (const running of this.#running.values()) {
        if (running.requester !== peer) continue;
        endSearch(running, 'blacklisted', new Refusal('blacklisted', 'not welcome here'));
      }
    });
    signal.addEventListener(
      'abort',
      () => {
        stopListening();
        for (const running of this.#running.values()) {
          endSearch(running, 'shutting_down', new Refusal('shutting_down', 'shutting down'));
        }
      },
      { once: true },
    );
  }

  async #serveSearch(exchange: Exchange): Promise<void> {
    const { clock, constants, events } = this.#context;
    await requireKnown(this.#parts.gate, exchange.peer);
    const request = await exchange.request(FRAME_LIMITS.searchRequest, decodeSearchRequest);
    const problem = criteriaProblem(request, constants.searchNameMinChars);
    if (problem !== undefined) throw new Refusal('bad_request', problem);
    const query = request.query_id;
    switch (this.#pending.open(query, exchange.peer, clock.monotonic())) {
      case 'duplicate':
        throw new Refusal('bad_request', 'the query id is in use');
      case 'too-many':
        throw new Refusal('too_many', 'too many searches at once');
      default:
    }
    const running: Running = { requester: exchange.peer, wake: () => {}, end: undefined, refusal: undefined };
    this.#running.set(query, running);
    events.publish('search.started', { side: 'indexer', query });
    try {
      await this.#run(exchange, request, running);
    } catch (error) {
      running.end ??= error instanceof Refusal ? 'refused' : 'failed';
      throw error;
    } finally {
      this.#running.delete(query);
      const { hits, droppedBatches, ms } = this.#pending.close(query, clock.monotonic());
      if (droppedBatches > 0) {
        events.publish('search.dropped', { query, reason: `${droppedBatches} batches over the queue` });
      }
      events.publish('search.ended', { side: 'indexer', query, reason: running.end ?? 'idle', hits, ms });
    }
  }

  async #run(exchange: Exchange, request: SearchPeerRequest, running: Running): Promise<void> {
    const { clock, constants } = this.#context;
    const { referenced } = this.#parts;
    void this.#watchRequester(exchange, running);
    const own = referenced.match(criteriaIn(request), clock.now(), constants.searchHitsPerAnswer);
    this.#queue(request.query_id, own);
    // Own hits go out before others are asked (16.4.4).
    await this.#forward(exchange, request.query_id, running);
    if (running.end === undefined) void this.#ask(request);
    while (running.end === undefined) {
      await this.#pause(request.query_id, running);
      await this.#forward(exchange, request.query_id, running);
    }
    if (running.refusal !== undefined) throw running.refusal;
  }

  /** Sends what waits, each batch within a bound of its own. */
  async #forward(exchange: Exchange, query: string, running: Running): Promise<void> {
    const { clock, constants, events } = this.#context;
    while (running.end === undefined) {
      const records = this.#pending.take(query, clock.monotonic());
      if (records === undefined) return;
      const result: SearchPeerResult = { query_id: query, records };
      await exchange.stream.write(result, { timeoutMs: constants.searchDialMs, signal: exchange.signal });
      events.publish('search.hits', { side: 'indexer', query, hits: records.length });
    }
  }

  /** Waits for a batch, or for the end of the search. */
  async #pause(query: string, running: Running): Promise<void> {
    const { clock, timers } = this.#context;
    const deadline = this.#pending.deadline(query);
    if (deadline === undefined || this.#pending.hasBatch(query)) return;
    await new Promise<void>((resolve) => {
      const timer = timers.after(deadline.at - clock.monotonic(), () => endSearch(running, deadline.reason));
      running.wake = () => {
        timer.cancel();
        running.wake = () => {};
        resolve();
      };
    });
  }

  /**
   * The requester keeps its writing half open, and ends the search by closing it (7.4). Whitespace is nothing (DEF-62);
   * anything else is a mistake.
   */
  async #watchRequester(exchange: Exchange, running: Running): Promise<void> {
    const { constants, settings } = this.#context;
    try {
      const more = await exchange.stream.read({
        maxBytes: FRAME_LIMITS.searchRequest,
        timeoutMs: settings.searchMaxMs + constants.getMs,
        signal: exchange.signal,
      });
      if (more === undefined) {
        endSearch(running, 'closed');
        return;
      }
    } catch (error) {
      if (!isFrameError(error)) {
        endSearch(running, 'closed');
        return;
      }
      this.#parts.behaviour.strike(exchange.peer, 1, `frame of ${exchange.stream.protocol}`);
    }
    endSearch(running, 'refused', new Refusal('bad_request', 'one request a stream'));
  }

  #queue(query: string, hits: readonly SearchHit[]): void {
    const checked = hits.map((hit) => checkHit(hit, this.#context)).filter((hit) => hit !== undefined);
    const dropped = hits.length - checked.length;
    if (dropped > 0) {
      this.#context.events.publish('search.dropped', { query, reason: `${dropped} invalid hits` });
    }
    if (this.#pending.offer(query, checked) === 'queued') this.#running.get(query)?.wake();
  }

  async #ask(request: SearchPeerRequest): Promise<void> {
    const { logger, overlay, self } = this.#context;
    const query: SearchQuery = { query_id: request.query_id, emitter_id: self, ...criteriaIn(request) };
    try {
      await overlay.gossip.publish(TOPICS.searchPeer, new TextEncoder().encode(JSON.stringify(query)));
    } catch (error) {
      // The search goes on with what is known here.
      logger.warn({ query: request.query_id, error }, 'a search could not be published');
    }
  }

  /** P8: one result of another indexer. */
  async #takeResponse(exchange: Exchange): Promise<void> {
    const { events } = this.#context;
    const { peer } = exchange;
    const { query_id: query, records } = await exchange.request(
      FRAME_LIMITS.searchResult,
      decodeSearchResult,
    );
    // Late answers are no fault (16.6).
    if (!this.#pending.has(query)) return;
    if (!(await this.#isKnownIndexer(peer))) {
      events.publish('search.dropped', { query, reason: 'not from a known indexer' });
      return;
    }
    if (this.#pending.countFrame(query, peer) === 'too-many-frames') {
      events.publish('search.dropped', { query, reason: 'too many frames of one indexer' });
      return;
    }
    this.#queue(query, records);
  }

  async #isKnownIndexer(peer: PeerId): Promise<boolean> {
    const { constants, overlay } = this.#context;
    const { directory, pool, suggestions } = this.#parts;
    if (pool.has(peer) || suggestions.has(peer)) return true;
    if (overlay.protocols(peer)?.includes(PROTOCOLS.heartbeat) === true) return true;
    return (await directory.indexerRecord(peer, constants.gateLookupIndexerMs)) !== undefined;
  }
}

function endSearch(running: Running, reason: End, refusal?: Refusal): void {
  if (running.end === undefined) {
    running.end = reason;
    running.refusal = refusal;
  }
  running.wake();
}

function isFrameError(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'FRAME_MALFORMED' || code === 'FRAME_TOO_LARGE';
}
