import type { DiscoveryContext } from '../context.ts';
import { INDEXERS_CID } from '../records/provider-key.ts';
import { usableAddresses } from '../wire/addresses.ts';

/**
 * Announces an indexer as a provider of the indexers' CID (discovery spec 10.4, 10.5), at once and then each minute.
 * Before that it waits up to a minute for an address that others could use; any of the listen addresses will do (DEF-46).
 * Ends with the daemon's signal (DEF-45).
 */
export class ProvideLoop {
  readonly #context: DiscoveryContext;
  #hasProvided = false;

  constructor(context: DiscoveryContext) {
    this.#context = context;
  }

  /** Whether the CID has been provided once: part of an indexer's readiness. */
  get hasProvided(): boolean {
    return this.#hasProvided;
  }

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    const { constants, overlay, settings, signal, timers } = this.#context;
    try {
      await this.#waitForAddress();
      signal.throwIfAborted();
      await overlay.dht.bootstrap(settings.indexerAddresses, {
        timeoutMs: constants.dhtBootstrapMs,
        signal,
      });
      while (!signal.aborted) {
        await this.#provide();
        // Until it has worked once nobody can discover us, so a start into an empty network is not left for a minute.
        await timers.sleep(this.#hasProvided ? constants.recommendedMs : constants.addressWaitMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#context.logger.error({ error }, 'provide loop ended');
    }
  }

  async #waitForAddress(): Promise<void> {
    const { constants, overlay, settings, signal, timers } = this.#context;
    for (let tries = 0; tries < constants.addressWaitTries; tries++) {
      if (usableAddresses(overlay.addresses(), settings).length > 0) return;
      await timers.sleep(constants.addressWaitMs, signal);
    }
  }

  async #provide(): Promise<void> {
    const { constants, events, logger, overlay, signal } = this.#context;
    let ok = false;
    try {
      await overlay.dht.provide(INDEXERS_CID, { timeoutMs: constants.provideMs, signal });
      ok = true;
    } catch (error) {
      logger.debug({ error }, 'providing the CID of the indexers failed');
    }
    if (ok) this.#hasProvided = true;
    events.publish('dht.provided', { ok });
  }
}
