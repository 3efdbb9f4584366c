/**
 * Who is not asked for an object for a while (coordination spec 13.9): discovery goes on naming providers long after they have
 * lost an object, and a node that is down stays listed until its records run out.
 */

import type { Clock } from '@muster/core';
import type { ProviderSuppression } from '../cold-start/context.ts';
import type { Digest, Provider } from '../types.ts';

export type SuppressionReason =
  /** It answered 404. */
  | 'not_found'
  /** No connection, a reset, no header in time, 5xx, or nonsense. */
  | 'unavailable'
  /** 429. */
  | 'busy'
  /** It alone sent bytes that are not those of the digest. */
  | 'corrupt'
  /** 401 or 403. */
  | 'auth'
  /** It said that it has the object, and answered 404 right after. */
  | 'contradiction'
  /** What it was still receiving itself turned out wrong: that need not be its fault. */
  | 'unproven';

const NOT_FOUND_MS = 180_000;
const UNAVAILABLE_MS = 30_000;
const BUSY_MS = 1_000;
const MAX_BUSY_MS = 60_000;
const CORRUPT_MS = 300_000;
const AUTH_MS = 300_000;
const UNPROVEN_MS = 10_000;
/** A 404 this soon after "I have it" is no eviction. */
const CLAIM_MS = 15_000;

/** Whoever is suppressed for one of these has the object for nobody here, whatever it says. */
const USELESS: ReadonlySet<SuppressionReason> = new Set(['unavailable', 'corrupt', 'auth', 'contradiction']);

export const MAX_SUPPRESSIONS = 8192;

interface Entry {
  readonly until: number;
  readonly reason: SuppressionReason;
}

/** The table. Times are monotonic milliseconds; `random` gives numbers from 0 to below 1. The oldest entries leave first. */
export class SuppressionTable {
  readonly #entries = new Map<string, Entry>();
  /** When a node last said that it has an object. */
  readonly #claims = new Map<string, number>();
  readonly #max: number;

  constructor(max = MAX_SUPPRESSIONS) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Notes why the provider is not to be asked. `retryAfterMs` counts for `busy` only. */
  add(
    digest: Digest,
    provider: Provider,
    reason: SuppressionReason,
    now: number,
    details: { readonly retryAfterMs?: number | undefined; readonly random?: number } = {},
  ): void {
    const judged =
      reason === 'not_found' && this.#hasClaimed(digest, provider, now) ? 'contradiction' : reason;
    const life = lifeMs(judged, details.retryAfterMs, details.random ?? 0.5);
    const entry = { until: now + life, reason: judged };
    for (const name of namesOf(provider)) {
      const key = isOfDigest(judged) ? `${digest} ${name}` : name;
      const present = this.#entries.get(key);
      if (present !== undefined && present.until >= entry.until) continue;
      this.#entries.delete(key);
      this.#makeRoom(now);
      this.#entries.set(key, entry);
    }
  }

  isSuppressed(digest: Digest, provider: Provider, now: number): boolean {
    return namesOf(provider).some(
      (name) => this.#isActive(name, now) || this.#isActive(`${digest} ${name}`, now),
    );
  }

  /** Whether it has the object for nobody here, even if it says that it has. */
  isUseless(digest: Digest, provider: Provider, now: number): boolean {
    return namesOf(provider)
      .flatMap((name) => [name, `${digest} ${name}`])
      .some((key) => {
        const entry = this.#entries.get(key);
        return entry !== undefined && now < entry.until && USELESS.has(entry.reason);
      });
  }

  /** The node says that it has the object: its "not found" for the digest is void, unless it has contradicted itself. */
  hasCached(digest: Digest, provider: Provider, now: number): void {
    for (const name of namesOf(provider)) {
      const key = `${digest} ${name}`;
      if (this.#entries.get(key)?.reason === 'not_found') this.#entries.delete(key);
      this.#claims.delete(key);
      const oldest = this.#claims.keys().next();
      if (this.#claims.size >= this.#max && oldest.done !== true) this.#claims.delete(oldest.value);
      this.#claims.set(key, now);
    }
  }

  #hasClaimed(digest: Digest, provider: Provider, now: number): boolean {
    return namesOf(provider).some((name) => {
      const at = this.#claims.get(`${digest} ${name}`);
      return at !== undefined && now - at < CLAIM_MS;
    });
  }

  #isActive(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (now < entry.until) return true;
    this.#entries.delete(key);
    return false;
  }

  #makeRoom(now: number): void {
    if (this.#entries.size < this.#max) return;
    for (const [key, entry] of this.#entries) if (entry.until <= now) this.#entries.delete(key);
    while (this.#entries.size >= this.#max) {
      const oldest = this.#entries.keys().next();
      if (oldest.done === true) return;
      this.#entries.delete(oldest.value);
    }
  }
}

/** The table on a clock, as cascade and fallback see it. Nodes are known by id and by address, and either will do. */
export class Suppressions implements ProviderSuppression {
  readonly table = new SuppressionTable();
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #addressOf: (nodeId: string) => string | undefined;

  /** `addressOf` gives the transfer address of a member. */
  constructor(clock: Pick<Clock, 'monotonic'>, addressOf: (nodeId: string) => string | undefined) {
    this.#clock = clock;
    this.#addressOf = addressOf;
  }

  isSuppressed(digest: Digest, provider: Provider): boolean {
    return this.table.isSuppressed(digest, provider, this.#clock.monotonic());
  }

  isUseless(digest: Digest, provider: Provider): boolean {
    return this.table.isUseless(digest, provider, this.#clock.monotonic());
  }

  hasCached(digest: Digest, nodeId: string): void {
    this.table.hasCached(digest, { nodeId, addr: this.#addressOf(nodeId) ?? '' }, this.#clock.monotonic());
  }
}

function isOfDigest(reason: SuppressionReason): boolean {
  return reason === 'not_found' || reason === 'busy' || reason === 'contradiction' || reason === 'unproven';
}

function lifeMs(reason: SuppressionReason, retryAfterMs: number | undefined, random: number): number {
  switch (reason) {
    case 'not_found':
    case 'contradiction':
      return NOT_FOUND_MS;
    case 'unproven':
      return UNPROVEN_MS;
    case 'unavailable':
      return UNAVAILABLE_MS;
    case 'busy':
      return Math.min(retryAfterMs ?? BUSY_MS, MAX_BUSY_MS) * (0.5 + random);
    case 'corrupt':
      return CORRUPT_MS;
    case 'auth':
      return AUTH_MS;
  }
}

/** One provider may be named by its node id here and by its peer id there; its address is the same. */
function namesOf({ nodeId, addr }: Provider): readonly string[] {
  if (addr === '') return [`id ${nodeId}`];
  return nodeId === '' ? [`addr ${addr}`] : [`id ${nodeId}`, `addr ${addr}`];
}
