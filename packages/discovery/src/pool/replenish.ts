import type { RecordDirectory } from '../parts.ts';
import type { PeerId } from '../wire/messages.ts';
import type { PoolState } from './pool-state.ts';
import { selectByFillRate } from './selection.ts';

/** Finds indexers in the DHT when the pool has too few (14.6). One search at a time; a second call raises its need. */
export class Replenisher {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  #need = 0;
  #lastStart: number | undefined;
  #isRetryPlanned = false;

  constructor(state: PoolState, records: RecordDirectory) {
    this.#state = state;
    this.#records = records;
  }

  get isRunning(): boolean {
    return this.#need > 0;
  }

  /** Starts a search for `need` indexers. */
  start(need: number): void {
    if (need <= 0) return;
    const isRunning = this.isRunning;
    this.#need = Math.max(this.#need, need);
    if (isRunning) return;
    this.#lastStart = this.#state.now();
    this.#state.run('replenishment', async () => {
      try {
        await this.#run();
      } finally {
        this.#need = 0;
      }
    });
  }

  /** As {@link start}, at most once in `replenishRetryMs`: for those who ask at every tick (11.3.9). */
  startIfDue(need: number): void {
    const { replenishRetryMs } = this.#state.context.constants;
    if (this.#lastStart !== undefined && this.#state.now() - this.#lastStart < replenishRetryMs) return;
    this.start(need);
  }

  /** Finds candidates for the standby list only, when the pool is full (F:32). */
  async fillStandby(count: number): Promise<void> {
    const skip = (peer: PeerId): boolean => this.#state.isSkipped(peer);
    for (const candidate of await this.#records.discover(count, skip)) {
      this.#state.standby.add(candidate, this.#state.now());
    }
  }

  async #run(): Promise<void> {
    const { context, directory, standby } = this.#state;
    const skip = (peer: PeerId): boolean => this.#state.isSkipped(peer);
    let admitted = 0;
    for (const candidate of standby.take(this.#need, this.#state.now(), skip)) {
      if (this.#state.add(candidate, { from: 'standby' })) admitted += 1;
    }
    if (admitted > 0) this.#state.nudge();
    let found = 0;
    if (admitted < this.#need) {
      const providers = await this.#records.discover(3 * this.#need, skip);
      found = providers.length;
      const fillRates = await this.#fillRates(providers.map(({ ID }) => ID));
      const chosen = selectByFillRate(providers, fillRates, this.#need - admitted, {
        ...this.#state.diversity(),
        random: context.random,
      });
      const before = admitted;
      for (const candidate of chosen) {
        if (!skip(candidate.ID) && this.#state.add(candidate, { from: 'dht' })) admitted += 1;
      }
      for (const other of providers) {
        if (!directory.has(other.ID) && !skip(other.ID)) standby.add(other, this.#state.now());
      }
      if (admitted > before) this.#state.nudge();
    }
    context.events.publish('replenish.finished', { found, admitted });
    if (admitted === 0) this.#retryWhileLow();
  }

  async #fillRates(peers: readonly PeerId[]): Promise<ReadonlyMap<PeerId, number>> {
    const { indexerRecordFetchMs } = this.#state.context.constants;
    const records = await Promise.all(
      peers.map((peer) => this.#records.indexerRecord(peer, indexerRecordFetchMs)),
    );
    return new Map(
      records.filter((record) => record !== undefined).map((record) => [record.peer_id, record.fill_rate]),
    );
  }

  #retryWhileLow(): void {
    if (this.#isRetryPlanned) return;
    this.#isRetryPlanned = true;
    this.#state.run('next replenishment', async () => {
      const { constants, settings } = this.#state.context;
      const isDue = await this.#state.sleep(constants.replenishRetryMs);
      this.#isRetryPlanned = false;
      if (isDue && this.#state.healthy().length < settings.minIndexer) {
        this.start(Math.max(1, this.#state.directory.need));
      }
    });
  }
}
