import type { DiscoveryConstants } from '../constants.ts';
import type { RecordDirectory } from '../parts.ts';
import type { DhtChallengeOutcome } from './response.ts';

/**
 * Looks up what nodes challenge this indexer to find (discovery spec 12.3.4). It is the one slow thing that happens
 * before an answer, so it is bounded in time and in number; above that the node hears `dht_busy`.
 */
export class DhtChallenges {
  readonly #directory: Pick<RecordDirectory, 'rawByDid'>;
  readonly #constants: Pick<DiscoveryConstants, 'dhtChallengeMs' | 'dhtChallengesAtOnce'>;
  #running = 0;

  constructor(
    directory: Pick<RecordDirectory, 'rawByDid'>,
    constants: Pick<DiscoveryConstants, 'dhtChallengeMs' | 'dhtChallengesAtOnce'>,
  ) {
    this.#directory = directory;
    this.#constants = constants;
  }

  get running(): number {
    return this.#running;
  }

  /** Never rejects: a look-up that fails has found nothing. */
  async answer(did: string): Promise<DhtChallengeOutcome> {
    if (this.#running >= this.#constants.dhtChallengesAtOnce) return { kind: 'busy' };
    this.#running += 1;
    try {
      const payload = await this.#directory.rawByDid(did, this.#constants.dhtChallengeMs);
      return { kind: 'looked-up', payload };
    } catch {
      return { kind: 'looked-up', payload: undefined };
    } finally {
      this.#running -= 1;
    }
  }
}
