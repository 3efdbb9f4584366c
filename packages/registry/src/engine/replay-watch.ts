import { type Counter, LogSampler, type Logger, type PeerAddress, type Random } from '@muster/core';
import { KeyedHash } from '../model/hash-index.ts';

/**
 * Watches for captured signatures. A v1 signature has neither time nor nonce, so it can be used again by whoever has
 * seen it (B-10). What can be seen is that a signature which was verified before comes from another address than the
 * node's latest: that is logged (sampled) and counted, not refused, because a node may have moved.
 */
export class ReplayWatch {
  readonly #suspected: Counter;
  readonly #logger: Logger;
  readonly #hash: KeyedHash;
  readonly #sampler = new LogSampler();
  /** Hash of the address that the latest signature of each slot came from; 0 = none yet. */
  readonly #latestFrom: Uint32Array;

  constructor(slots: number, random: Random, suspected: Counter, logger: Logger) {
    this.#latestFrom = new Uint32Array(slots);
    this.#hash = new KeyedHash(random.integer(2 ** 32));
    this.#suspected = suspected;
    this.#logger = logger;
  }

  /** Notes a valid v1 signature; `isRepeat` when the very same one was verified before. */
  note(slot: number, nodeId: number, source: PeerAddress, isRepeat: boolean): void {
    const from = this.#hash.text(source.address) || 1;
    const before = this.#latestFrom[slot];
    this.#latestFrom[slot] = from;
    if (!isRepeat || before === 0 || before === from) return;
    this.#suspected.add();
    const times = this.#sampler.admit(String(nodeId));
    if (times === undefined) return;
    this.#logger.warn(
      { nodeId, remote: source.address, times },
      'a signature that was used before came from another address: the node has moved, or it was captured',
    );
  }
}
