/**
 * The breaker before the origin (coordination spec 9): what this node's last attempts at a digest ended with, and until when
 * it is left alone. The count of failures outlives the cool-down, so that the ladder is climbed by a puller that looks, waits
 * and fails again. Holds at most 4096 digests, whatever strangers ask for.
 */

import type { Clock } from '@muster/core';
import type { NegativeCacheReader } from '../parts.ts';
import type { Digest, FailureClass, NegativeEntry } from '../types.ts';

/** Digests that are remembered (9.2). */
export const MAX_NEGATIVE_ENTRIES = 4096;
/** How often {@link NegativeCache.sweep} is to be called. */
export const NEGATIVE_SWEEP_INTERVAL_MS = 60_000;

/** The ladder of cool-downs, in milliseconds; a multiplier of 1 makes all steps alike. */
export interface NegativeCacheOptions {
  readonly cooldownInitialMs: number;
  readonly cooldownMaxMs: number;
  readonly cooldownMultiplier: number;
  readonly maxEntries?: number;
  readonly hooks?: {
    /** A failure was recorded. */
    readonly enter?: (failureClass: FailureClass) => void;
    /** A lookup found a digest in its cool-down. */
    readonly hit?: (failureClass: FailureClass) => void;
  };
}

/** Failures of this node at the origin. Times are milliseconds of the wall clock, for they go on the wire. */
export class NegativeCache {
  /** In order of the last failure, oldest first. */
  readonly #entries = new Map<Digest, NegativeEntry>();
  readonly #options: NegativeCacheOptions;

  constructor(options: NegativeCacheOptions) {
    this.#options = options;
  }

  /** Digests remembered, in cool-down or not. */
  get length(): number {
    return this.#entries.size;
  }

  /**
   * A terminal failure at the origin. `retryAfterMs` is what a rate-limiting origin asked for; it can lengthen the cool-down
   * up to the maximum, never shorten it.
   */
  fail(digest: Digest, failureClass: FailureClass, now: number, retryAfterMs?: number): NegativeEntry {
    const { cooldownInitialMs, cooldownMaxMs, cooldownMultiplier, hooks } = this.#options;
    const known = this.#entries.get(digest);
    const failureCount = (known === undefined || this.#isIdle(known, now) ? 0 : known.failureCount) + 1;
    let cooldownMs = Math.min(cooldownMaxMs, cooldownInitialMs * cooldownMultiplier ** (failureCount - 1));
    if (failureClass === 'rate_limited' && retryAfterMs !== undefined) {
      cooldownMs = Math.min(cooldownMaxMs, Math.max(cooldownMs, retryAfterMs));
    }
    const entry = { failureCount, lastFailureAt: now, failureClass, cooldownUntil: now + cooldownMs };
    this.#entries.delete(digest);
    this.#makeRoom();
    this.#entries.set(digest, entry);
    hooks?.enter?.(failureClass);
    return entry;
  }

  /** The digest was pulled, verified and committed. */
  success(digest: Digest): void {
    this.#entries.delete(digest);
  }

  /** The entry while it is in cool-down, its last instant included. Later it is kept, for the count, but not reported. */
  lookup(digest: Digest, now: number): NegativeEntry | undefined {
    const entry = this.peek(digest, now);
    if (entry !== undefined) this.#options.hooks?.hit?.(entry.failureClass);
    return entry;
  }

  /** The same without counting it as a hit, for people. */
  peek(digest: Digest, now: number): NegativeEntry | undefined {
    const entry = this.#entries.get(digest);
    return entry === undefined || !this.#isCooling(entry, now) ? undefined : entry;
  }

  /** Entries in cool-down: the gauge `p2p_negative_cache_entries`. */
  coolingEntries(now: number): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (this.#isCooling(entry, now)) count += 1;
    return count;
  }

  /** Forgets what has been idle for more than twice the longest cool-down. */
  sweep(now: number): void {
    for (const [digest, entry] of this.#entries) if (this.#isIdle(entry, now)) this.#entries.delete(digest);
  }

  /** The reading side, with the time of `clock`. */
  reader(clock: Pick<Clock, 'now'>): NegativeCacheReader {
    return { lookup: (digest) => this.lookup(digest, clock.now()) };
  }

  /** A clock that was set back must not stretch a cool-down beyond its longest. */
  #isCooling(entry: NegativeEntry, now: number): boolean {
    return now <= entry.cooldownUntil && entry.cooldownUntil - now <= this.#options.cooldownMaxMs;
  }

  #isIdle(entry: NegativeEntry, now: number): boolean {
    return now - entry.lastFailureAt > 2 * this.#options.cooldownMaxMs;
  }

  #makeRoom(): void {
    if (this.#entries.size < (this.#options.maxEntries ?? MAX_NEGATIVE_ENTRIES)) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
