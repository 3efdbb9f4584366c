import type { DiscoveryContext } from '../context.ts';
import type { RecordDirectory, Suggestions } from '../parts.ts';
import { selectByFillRate } from '../pool/selection.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';

/**
 * The indexers that this one names to others (discovery spec 10.6): first 30 s after the start, then every 2 minutes, up
 * to 30 providers are looked up and 10 are drawn by their fill rate. A refresh that finds none keeps the old ones.
 */
export class SuggestionCache implements Suggestions {
  readonly #context: DiscoveryContext;
  readonly #directory: RecordDirectory;
  #entries: readonly AddrInfo[] = [];

  constructor(context: DiscoveryContext, directory: RecordDirectory) {
    this.#context = context;
    this.#directory = directory;
  }

  start(): void {
    const { events, signal } = this.#context;
    const stopListening = events.on('peer.blacklisted', ({ payload }) => this.drop(payload.peer));
    signal.addEventListener('abort', stopListening, { once: true });
    void this.#run();
  }

  list(): readonly AddrInfo[] {
    return this.#entries;
  }

  has(peer: PeerId): boolean {
    return this.#entries.some(({ ID }) => ID === peer);
  }

  drop(peer: PeerId): void {
    this.#entries = this.#entries.filter(({ ID }) => ID !== peer);
  }

  /** Looks up providers now. */
  async refresh(): Promise<void> {
    const { constants, random, self, settings } = this.#context;
    const found = await this.#directory.discover(constants.cacheFetch, (peer) => peer === self);
    const records = await Promise.all(
      found.map(async ({ ID }) => await this.#directory.indexerRecord(ID, constants.gateLookupIndexerMs)),
    );
    const fillRates = new Map<PeerId, number>();
    for (const record of records) if (record !== undefined) fillRates.set(record.peer_id, record.fill_rate);
    const drawn = selectByFillRate(found, fillRates, constants.cacheKeep, {
      mode: settings.subnetDiversity,
      maxPool: constants.cacheKeep,
      pool: [],
      random,
    });
    if (drawn.length > 0) this.#entries = drawn;
  }

  async #run(): Promise<void> {
    const { constants, logger, signal, timers } = this.#context;
    try {
      await timers.sleep(constants.cacheFirstMs, signal);
      while (!signal.aborted) {
        await this.refresh();
        await timers.sleep(constants.cachePeriodMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) logger.error({ error }, 'refreshing the suggestions ended');
    }
  }
}
