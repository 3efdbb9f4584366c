import type { DiscoveryContext } from '../context.ts';
import type { IndexerFacts } from '../parts.ts';
import { buildIndexerRecord } from '../records/indexer-record.ts';
import { formatPeerAddress, usableAddresses } from '../wire/addresses.ts';
import type { IndexerRecord } from '../wire/messages.ts';
import { putValue } from './dht-put.ts';

/** Publishes the signed record of this indexer (discovery spec 10.7) at the start and then each minute. */
export class IndexerRecordPublisher {
  readonly #context: DiscoveryContext;
  readonly #facts: IndexerFacts;

  constructor(context: DiscoveryContext, facts: IndexerFacts) {
    this.#context = context;
    this.#facts = facts;
  }

  start(): void {
    void this.#run();
  }

  /** The record as of now. Its list of peers is the live nodes; of more than 2,000 a random sample. */
  build(): IndexerRecord {
    const { clock, constants, crypto, overlay, random, self, settings } = this.#context;
    const { bornAt, table } = this.#facts;
    const nodes = [...table.values()].slice(0, table.maxNodes).map(({ peer }) => peer);
    const addresses = usableAddresses(overlay.addresses(), settings);
    return buildIndexerRecord(
      {
        multiaddrs: addresses.map((address) => formatPeerAddress(address, self)),
        capacity: table.maxNodes,
        fillRate: table.maxNodes <= 0 ? 0 : nodes.length / table.maxNodes,
        nodes,
        bornAt,
        expiresAt: clock.now() + constants.indexerRecordTtlMs,
        maxPeers: constants.indexerRecordMaxPeers,
        random,
      },
      crypto,
    );
  }

  async #run(): Promise<void> {
    const { constants, logger, self, signal, timers } = this.#context;
    try {
      while (!signal.aborted) {
        await putValue(this.#context, `/indexer/${self}`, this.build());
        await timers.sleep(constants.indexerRecordPeriodMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) logger.error({ error }, 'publishing the indexer record ended');
    }
  }
}
