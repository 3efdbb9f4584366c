/**
 * Eviction (16.4): which objects leave when the cache is over its budget or the disk is short of room.
 *
 * Rare objects stay: who throws away one of few copies makes the cluster go to the origin again. Only a disk that is
 * nearly full forces them out.
 */

import type { LogFields, Logger } from '@muster/core';
import type { Digest } from '../types.ts';
import type { IndexEntry, ObjectIndex } from './object-index.ts';

/** How many nodes have an object, this one included. Rejects when that cannot be told. */
export type ProviderCounter = (digest: Digest) => Promise<number>;

export interface SweepPolicy {
  readonly budgetBytes: number;
  /** Free disk space to keep, in percent of the budget; 0 never forces anything out. */
  readonly headroomPercent: number;
  /** An object with fewer providers is rare; never more than the size of the cluster. */
  readonly providerThreshold: number;
}

export interface SweepParts {
  readonly index: ObjectIndex;
  readonly policy: SweepPolicy;
  readonly freeBytes: () => Promise<number | undefined>;
  /** Takes an object out of the index and off the disk. */
  readonly remove: (digest: Digest, reason: 'evicted' | 'forced') => Promise<void>;
  /** Absent: rarity is not checked. */
  readonly providers: () => ProviderCounter | undefined;
  readonly clusterSize: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly yieldTurn: () => Promise<void>;
  readonly logger: Logger;
}

/** A sweep that was begun because of the budget goes on to this part of it, so that not every commit begins another. */
const LOW_WATER = 0.95;
const LOOKUPS_AT_ONCE = 8;
const COUNT_LIFE_MS = 60_000;
const MAX_COUNTS = 8_192;

interface Count {
  readonly at: number;
  readonly count: Promise<number | undefined>;
}

/** Runs sweeps, one at a time. */
export class Sweeper {
  readonly #parts: SweepParts;
  readonly #counts = new Map<Digest, Count>();
  #running: Promise<void> | undefined;
  #isWanted = false;
  readonly #admitted = new Set<Digest>();
  /** Of objects that were forced out, and whose number of providers is not known yet. */
  readonly #warnings = new Set<Promise<void>>();
  #deferred = 0;
  #forced = 0;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** Objects that sweeps so far left alone although they were due. */
  get deferred(): number {
    return this.#deferred;
  }

  /** Objects that had to leave because the disk was short of room. */
  get forced(): number {
    return this.#forced;
  }

  /**
   * Sweeps; when a sweep is running, another one follows it. `admitted` is the object that was just committed: it is
   * no victim of the sweep that it caused. Resolves when all is done; never rejects.
   */
  sweep(admitted?: Digest): Promise<void> {
    if (admitted !== undefined) this.#admitted.add(admitted);
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no sweep is running, and what there is to say about the last ones is said. */
  async settled(): Promise<void> {
    await this.#running;
    await Promise.all(this.#warnings);
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      const admitted = new Set(this.#admitted);
      this.#admitted.clear();
      try {
        await this.#sweepOnce(admitted);
      } catch (error) {
        this.#parts.logger.warn({ err: error }, 'a sweep of the cache failed');
      }
    }
  }

  async #sweepOnce(admitted: ReadonlySet<Digest>): Promise<void> {
    const { index, policy, logger, remove, yieldTurn } = this.#parts;
    const visited = new Set<Digest>();
    let target = policy.budgetBytes;
    let isHysteresis = false;
    for (;;) {
      const isOver = index.totalBytes > target;
      const isForced = await this.#isForced();
      if (!isOver && !isForced) return;
      const candidate = index.oldestExcept(visited);
      if (candidate === undefined) {
        if (isOver && !isForced && !isHysteresis) {
          logger.warn(
            { bytes: index.totalBytes, budget: policy.budgetBytes },
            'the cache is over its budget, and all objects are rare',
          );
        }
        return;
      }
      const isKept = await this.#isKept(candidate, isForced, admitted, visited);
      if (isKept) {
        this.#deferred += 1;
        // Beyond the budget itself nothing is looked for any further.
        if (isHysteresis && !isForced) return;
        visited.add(candidate.digest);
      } else {
        await this.#evict(candidate, isForced, remove);
        if (isOver && index.totalBytes <= policy.budgetBytes) {
          target = Math.floor(policy.budgetBytes * LOW_WATER);
          isHysteresis = true;
        }
      }
      await yieldTurn();
    }
  }

  async #evict(candidate: IndexEntry, isForced: boolean, remove: SweepParts['remove']): Promise<void> {
    const { index, policy } = this.#parts;
    await remove(candidate.digest, isForced ? 'forced' : 'evicted');
    if (!isForced) return;
    this.#forced += 1;
    const fields = {
      digest: candidate.digest,
      bytes: candidate.size,
      size_after: index.totalBytes,
      budget: policy.budgetBytes,
    };
    this.#warnOfForced(fields);
  }

  /** A full disk does not wait for the network: how many others have the object is asked when it has gone. */
  #warnOfForced(fields: LogFields & { readonly digest: Digest }): void {
    const { logger } = this.#parts;
    const message = 'the disk is short of room: an object left the cache however rare it is';
    const isAsked = this.#counts.has(fields.digest) || this.#warnings.size < LOOKUPS_AT_ONCE;
    const count = isAsked ? this.#countOf(fields.digest) : Promise.resolve(undefined);
    const warning = count.then((known) => {
      logger.warn({ ...fields, provider_count: known }, message);
      this.#warnings.delete(warning);
    });
    this.#warnings.add(warning);
  }

  async #isForced(): Promise<boolean> {
    const { budgetBytes, headroomPercent } = this.#parts.policy;
    if (headroomPercent <= 0) return false;
    const free = await this.#parts.freeBytes();
    return free !== undefined && free < (budgetBytes * headroomPercent) / 100;
  }

  async #isKept(
    candidate: IndexEntry,
    isForced: boolean,
    admitted: ReadonlySet<Digest>,
    visited: ReadonlySet<Digest>,
  ): Promise<boolean> {
    const { index, policy, clusterSize } = this.#parts;
    if (admitted.has(candidate.digest)) return !isForced || index.count > 1;
    if (isForced) return false;
    if (this.#parts.providers() === undefined) return false;
    this.#lookAhead(visited);
    const count = await this.#countOf(candidate.digest);
    return count === undefined || count < Math.min(policy.providerThreshold, Math.max(1, clusterSize()));
  }

  /**
   * Begins the look-ups of the next candidates once one was rare, so that a sweep over many rare objects does not take one
   * after the other.
   */
  #lookAhead(visited: ReadonlySet<Digest>): void {
    if (visited.size === 0) return;
    let started = 0;
    for (const { digest } of this.#parts.index.oldestFirst()) {
      if (visited.has(digest)) continue;
      void this.#countOf(digest);
      started += 1;
      if (started === LOOKUPS_AT_ONCE) return;
    }
  }

  /** Number of providers, not older than 60 s; undefined when it cannot be told. */
  #countOf(digest: Digest): Promise<number | undefined> {
    const now = this.#parts.now();
    const known = this.#counts.get(digest);
    if (known !== undefined && now - known.at < COUNT_LIFE_MS) return known.count;
    const lookup = this.#parts.providers();
    const count = lookup === undefined ? Promise.resolve(undefined) : lookup(digest).catch(() => undefined);
    this.#counts.delete(digest);
    this.#counts.set(digest, { at: now, count });
    if (this.#counts.size > MAX_COUNTS) {
      const oldest = this.#counts.keys().next();
      if (oldest.done !== true) this.#counts.delete(oldest.value);
    }
    return count;
  }
}
