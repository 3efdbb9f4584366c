/**
 * How well discovery works, from 0 to 1 (coordination spec 17.6): how full the routing table is, how fast lookups are, and
 * whether this node finds what it has published itself.
 */

/** From here on discovery counts as healthy. */
export const HEALTHY_SCORE = 0.7;
/** Below this it counts as unhealthy; between the two as degraded. */
export const UNHEALTHY_SCORE = 0.3;

const LOOKUP_WINDOW_MS = 300_000;
const MAX_LOOKUPS = 1024;
const MAX_SELF_TESTS = 10;
const FAST_MS = 200;
const SLOW_MS = 5_000;
const BUCKET_SIZE = 20;
const MAX_TARGET = 256;

export type HealthState = 'healthy' | 'degraded' | 'unhealthy';

/** The name of a score. */
export function healthState(score: number): HealthState {
  if (score >= HEALTHY_SCORE) return 'healthy';
  return score >= UNHEALTHY_SCORE ? 'degraded' : 'unhealthy';
}

/**
 * The size that a routing table with buckets of 20 can have in a cluster whose bootstrap view has that many nodes, this one
 * included; 0 when there is nobody else.
 */
export function routingTableTarget(bootstrapViewSize: number): number {
  const others = bootstrapViewSize - 1;
  if (others <= 0) return 0;
  const fullBuckets = others > 2 * BUCKET_SIZE ? Math.ceil(Math.log2(others / (2 * BUCKET_SIZE))) : 0;
  return Math.min(MAX_TARGET, Math.floor(BUCKET_SIZE * fullBuckets + others / 2 ** fullBuckets));
}

/** The size of the routing table at which bootstrapping may rest (17.7). */
export function convergenceTarget(bootstrapViewSize: number): number {
  return Math.max(0, Math.min(5, bootstrapViewSize - 1));
}

/** Samples and score. Holds at most 1024 lookups. Times are milliseconds of a monotonic clock. */
export class HealthScore {
  #lookups: { readonly at: number; readonly ms: number }[] = [];
  #selfTests: boolean[] = [];

  /** A lookup that succeeded, and how long it took. */
  recordLookup(ms: number, now: number): void {
    this.#lookups.push({ at: now, ms });
    if (this.#lookups.length > MAX_LOOKUPS) this.#lookups.shift();
  }

  /** The outcome of a self test; the last ten count. A test that was left out is no outcome. */
  recordSelfTest(succeeded: boolean): void {
    this.#selfTests.push(succeeded);
    if (this.#selfTests.length > MAX_SELF_TESTS) this.#selfTests.shift();
  }

  /** The score for a routing table of that size where `target` would be full. */
  score(table: { readonly size: number; readonly target: number }, now: number): number {
    return Math.cbrt(coverage(table) * this.#latency(now) * this.#selfTestShare());
  }

  #latency(now: number): number {
    this.#lookups = this.#lookups.filter(({ at }) => now - at <= LOOKUP_WINDOW_MS);
    const sorted = this.#lookups.map(({ ms }) => ms).sort((a, b) => a - b);
    const index = Math.max(0, Math.floor((sorted.length * 95) / 100) - 1);
    const slowest = sorted[index];
    if (slowest === undefined) return 1;
    return Math.min(1, Math.max(0, (SLOW_MS - slowest) / (SLOW_MS - FAST_MS)));
  }

  #selfTestShare(): number {
    if (this.#selfTests.length === 0) return 1;
    return this.#selfTests.filter(Boolean).length / this.#selfTests.length;
  }
}

function coverage({ size, target }: { readonly size: number; readonly target: number }): number {
  if (target <= 0) return 1;
  return size <= 0 ? 0 : Math.min(1, size / target);
}
