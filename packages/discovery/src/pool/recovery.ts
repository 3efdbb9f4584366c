import type { RecordDirectory } from '../parts.ts';
import { IsolationBackoff } from './isolation-backoff.ts';
import type { PoolState } from './pool-state.ts';
import type { Replenisher } from './replenish.ts';

/** The way back from isolation (14.8): seeds, the DHT and those who contact us, until somebody is healthy. */
export class Recovery {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #replenisher: Replenisher;
  #isRunning = false;

  constructor(state: PoolState, records: RecordDirectory, replenisher: Replenisher) {
    this.#state = state;
    this.#records = records;
    this.#replenisher = replenisher;
  }

  /** `retryUntilSeedResponds`; at most one runs. It also runs without a seed: discovery or a visitor may help. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#state.run('isolation recovery', async () => {
      try {
        await this.#run();
      } finally {
        this.#isRunning = false;
      }
    });
  }

  async #run(): Promise<void> {
    const { context, directory } = this.#state;
    const backoff = new IsolationBackoff({
      firstMs: context.constants.retryFirstMs,
      maxMs: context.constants.retryMaxMs,
      random: context.random,
    });
    while (!this.#state.signal.aborted) {
      const delayMs = backoff.next();
      context.events.publish('isolation.retry', { delayMs });
      if (!(await this.#state.sleep(delayMs))) return;
      // A seed that is in the pool again has not answered yet: only health ends this (F:21).
      if (this.#state.healthy().length > 0) return;
      this.reconnectToSeeds();
      this.#state.nudge();
      await this.#records.refresh();
      this.#replenisher.start(directory.maxSize);
    }
  }

  /** Seeds come back into the pool, and have their flag again; indexers that a registry names come back without one. */
  reconnectToSeeds(): void {
    for (const named of this.#state.named.list()) {
      this.#state.add(named, { from: 'registry' });
      const entry = this.#state.directory.get(named.ID);
      if (entry !== undefined) entry.retrySoon = true;
    }
    for (const seed of this.#state.context.settings.indexerAddresses) {
      const entry = this.#state.directory.get(seed.ID);
      if (entry === undefined) {
        if (this.#state.add(seed, { isSeed: true, from: 'seed' })) {
          const added = this.#state.directory.get(seed.ID);
          if (added !== undefined) added.retrySoon = true;
        }
      } else {
        entry.isSeed = !entry.isConvicted;
        entry.retrySoon = true;
      }
    }
  }
}
