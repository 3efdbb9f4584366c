/** The arithmetic of the gate before the own origin pull (coordination spec 12), as plain functions and models. */

import { UNHEALTHY_SCORE } from '../health/health-score.ts';
import type { Digest } from '../types.ts';

export type DeclineReason =
  | 'bootstrap_window'
  | 'dht_unhealthy'
  | 'cooldown'
  | 'in_flight'
  | 'rate_limited'
  | 'context_cancelled'
  | 'recheck_hit'
  | 'pump_declined';

const MINUTE_MS = 60_000;

/** A bucket of tokens: full at first, refilled evenly, so many a minute as it holds. Times are monotonic milliseconds. */
export class TokenBucket {
  readonly #capacity: number;
  #tokens: number;
  #at: number;

  constructor(perMinute: number, now: number) {
    this.#capacity = perMinute;
    this.#tokens = perMinute;
    this.#at = now;
  }

  /** Takes a token, if there is one. It is not given back. */
  take(now: number): boolean {
    const refilled = (Math.max(0, now - this.#at) * this.#capacity) / MINUTE_MS;
    this.#tokens = Math.min(this.#capacity, this.#tokens + refilled);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** The jitter is below this, in milliseconds: the more nodes, the further they are spread. */
export function jitterLimitMs(baseMs: number, nodes: number): number {
  return nodes < 2 ? 0 : baseMs * Math.log(nodes);
}

/** Whether discovery may still be finding its peers (12.3). A target of 0 is unknown. */
export function inBootstrapWindow(state: {
  readonly uptimeMs: number;
  readonly windowMs: number;
  readonly tableSize: number;
  readonly target: number;
  readonly percent: number;
}): boolean {
  if (state.uptimeMs < state.windowMs) return true;
  return state.target > 0 && state.tableSize < Math.max(1, Math.floor((state.target * state.percent) / 100));
}

const WAIVER_AFTER_MS = 60_000;
const FORGOTTEN_AFTER_MS = 600_000;
const MAX_DIGESTS = 4096;

/**
 * Remembers since when a digest has been declined for the state of discovery alone: after a minute the best nodes may go to the
 * origin all the same, for otherwise an outage of discovery would be one of all pulls (12.2).
 */
export class OutageWaiver {
  readonly #declined = new Map<Digest, { readonly since: number; readonly last: number }>();

  /** True when all attempts have found discovery in trouble for so long, the one just noted included. */
  isDue(digest: Digest, now: number): boolean {
    const entry = this.#declined.get(digest);
    return entry !== undefined && now - entry.since >= WAIVER_AFTER_MS;
  }

  /** An attempt found discovery in trouble. After ten minutes without one, counting begins anew. */
  declined(digest: Digest, now: number): void {
    const entry = this.#declined.get(digest);
    const since = entry === undefined || now - entry.last > FORGOTTEN_AFTER_MS ? now : entry.since;
    this.#declined.delete(digest);
    if (this.#declined.size >= MAX_DIGESTS) {
      const oldest = this.#declined.keys().next();
      if (oldest.done !== true) this.#declined.delete(oldest.value);
    }
    this.#declined.set(digest, { since, last: now });
  }

  /** An attempt found discovery in order. */
  cleared(digest: Digest): void {
    this.#declined.delete(digest);
  }
}

/** Steps 1 and 2: what the state of discovery says. */
export function discoveryDecline(state: {
  readonly isBootstrapping: boolean;
  readonly health: number;
}): 'bootstrap_window' | 'dht_unhealthy' | undefined {
  if (state.isBootstrapping) return 'bootstrap_window';
  return state.health < UNHEALTHY_SCORE ? 'dht_unhealthy' : undefined;
}
