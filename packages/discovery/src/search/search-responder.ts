import type { DiscoveryContext } from '../context.ts';
import type { Pool, RecordDirectory, Suggestions } from '../parts.ts';
import { RELATIONS } from '../stores/peer-store.ts';
import { parsePeerAddress, usableAddresses } from '../wire/addresses.ts';
import type { AddrInfo, PeerId, SearchPeerResult, SearchQuery } from '../wire/messages.ts';
import { PROTOCOLS } from '../wire/protocols.ts';
import { criteriaIn } from './criteria.ts';
import { EmitterLimit } from './emitter-limit.ts';
import type { ReferencedHit, ReferencedTable } from './referenced-table.ts';

export interface SearchResponderParts {
  readonly referenced: ReferencedTable;
  readonly pool: Pool;
  readonly suggestions: Suggestions;
  readonly directory: RecordDirectory;
}

/** Emitters that are remembered, and answers that are on their way. */
const MAX_EMITTERS = 4_096;
const MAX_ANSWERS = 64;

/**
 * Answers the searches of other indexers (discovery spec 16.5). The query's author is authenticated by the topic, so an
 * answer goes to who asked; how often one is answered, and how many answers are on their way, is bounded.
 */
export class SearchResponder {
  readonly #context: DiscoveryContext;
  readonly #parts: SearchResponderParts;
  readonly #limit: EmitterLimit;
  #answering = 0;

  constructor(context: DiscoveryContext, parts: SearchResponderParts) {
    this.#context = context;
    this.#parts = parts;
    this.#limit = new EmitterLimit({
      maxQueries: context.constants.searchQueriesPerEmitter,
      windowMs: context.constants.searchQueryWindowMs,
      maxEmitters: MAX_EMITTERS,
    });
  }

  /** Takes a valid query of another indexer. */
  hear(query: SearchQuery): void {
    const { clock, constants, events, peers, self, signal } = this.#context;
    const emitter = query.emitter_id;
    if (emitter === self || signal.aborted) return;
    if (peers.findByPeerId(emitter)?.relation === RELATIONS.BLACKLIST) return;
    const drop = (reason: string): void =>
      events.publish('search.dropped', { query: query.query_id, reason });
    if (!this.#limit.take(emitter, clock.monotonic())) {
      drop('too many queries of one indexer');
      return;
    }
    const hits = this.#parts.referenced.match(criteriaIn(query), clock.now(), constants.searchHitsPerAnswer);
    if (hits.length === 0) return;
    if (this.#answering >= MAX_ANSWERS) {
      drop('too many answers at once');
      return;
    }
    void this.#answer(query, hits);
  }

  async #answer(query: SearchQuery, hits: readonly ReferencedHit[]): Promise<void> {
    const { constants, logger, overlay, random, signal, timers } = this.#context;
    this.#answering += 1;
    try {
      await timers.sleep(random.fraction() * constants.searchReplyJitterMs, signal);
      const deadline = { timeoutMs: constants.searchDialMs, signal };
      const to = await this.#addressOf(query.emitter_id);
      const stream = await overlay.open(to, PROTOCOLS.searchResponse, deadline);
      try {
        const result: SearchPeerResult = { query_id: query.query_id, records: hits };
        await stream.write(result, deadline);
        await stream.close();
      } catch (error) {
        stream.reset();
        throw error;
      }
    } catch (error) {
      if (!signal.aborted) logger.debug({ peer: query.emitter_id, error }, 'a search could not be answered');
    } finally {
      this.#answering -= 1;
    }
  }

  /** A query names its emitter, not where it is. A live connection needs no address. */
  async #addressOf(emitter: PeerId): Promise<AddrInfo> {
    const { constants, overlay, settings, signal } = this.#context;
    const { directory, pool, suggestions } = this.#parts;
    if (overlay.isConnected(emitter)) return { ID: emitter, Addrs: [] };
    const known =
      pool.entry(emitter)?.addresses ?? suggestions.list().find(({ ID }) => ID === emitter)?.Addrs;
    if (known !== undefined && known.length > 0) return { ID: emitter, Addrs: known };
    const record = await directory.indexerRecord(emitter, constants.gateLookupIndexerMs);
    const told = (record?.multiaddrs ?? [])
      .map((address) => parsePeerAddress(address))
      .filter((info) => info?.ID === emitter)
      .flatMap((info) => info?.Addrs ?? []);
    const usable = usableAddresses(told, settings);
    if (usable.length > 0) return { ID: emitter, Addrs: usable };
    const deadline = { timeoutMs: constants.gateLookupIndexerMs, signal };
    const found = overlay.dht.isStarted ? await overlay.dht.findPeer(emitter, deadline) : undefined;
    return { ID: emitter, Addrs: usableAddresses(found?.Addrs ?? [], settings) };
  }
}
