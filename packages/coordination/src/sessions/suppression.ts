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
  | 'auth';

const NOT_FOUND_MS = 180_000;
const UNAVAILABLE_MS = 30_000;
const BUSY_MS = 1_000;
const MAX_BUSY_MS = 60_000;
const CORRUPT_MS = 300_000;
const AUTH_MS = 300_000;

export const MAX_SUPPRESSIONS = 8192;

interface Entry {
  readonly until: number;
  readonly reason: SuppressionReason;
}

/** The table. Times are monotonic milliseconds; `random` gives numbers from 0 to below 1. The oldest entries leave first. */
export class SuppressionTable {
  readonly #entries = new Map<string, Entry>();
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
    const life = lifeMs(reason, details.retryAfterMs, details.random ?? 0.5);
    const entry = { until: now + life, reason };
    for (const name of namesOf(provider)) {
      const key = isOfDigest(reason) ? `${digest} ${name}` : name;
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

  /** The node says that it has the object: its "not found" for the digest is void. */
  hasCached(digest: Digest, provider: Provider): void {
    for (const name of namesOf(provider)) {
      const key = `${digest} ${name}`;
      if (this.#entries.get(key)?.reason === 'not_found') this.#entries.delete(key);
    }
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

  hasCached(digest: Digest, nodeId: string): void {
    this.table.hasCached(digest, { nodeId, addr: this.#addressOf(nodeId) ?? '' });
  }
}

function isOfDigest(reason: SuppressionReason): boolean {
  return reason === 'not_found' || reason === 'busy';
}

function lifeMs(reason: SuppressionReason, retryAfterMs: number | undefined, random: number): number {
  switch (reason) {
    case 'not_found':
      return NOT_FOUND_MS;
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
