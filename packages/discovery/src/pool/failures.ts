import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntry } from './pool-entry.ts';

/** What to do after the failures of a tick. */
export type Recovery =
  | { readonly kind: 'none' }
  /** The pool is empty: 14.8. */
  | { readonly kind: 'retry-seeds' }
  | { readonly kind: 'consensus'; readonly need: number }
  /** Nobody healthy is left to ask: 14.6 and 14.8 in parallel. */
  | { readonly kind: 'replenish-and-retry'; readonly need: number };

export interface FailureVerdict {
  readonly victims: readonly PoolEntry[];
  readonly recovery: Recovery;
}

/**
 * Failure handling of a whole tick (11.6), which is the first moment at which one can tell whose failure it was.
 *
 * Fault model: when somebody else answers, a peer that fails is down. When nobody answers, we may be the ones who are
 * cut off (F:18), so nobody is given up before the third failure in a row. Seeds are never given up for failing. The
 * last entries are not all given up at once: the best stays until its third failure.
 *
 * @param failed entries whose heartbeat failed, silent ones at their third included
 * @param pool all entries
 * @param now monotonic milliseconds
 */
export function applyFailures(
  failed: readonly PoolEntry[],
  pool: readonly PoolEntry[],
  options: {
    readonly now: number;
    readonly constants: DiscoveryConstants;
    readonly maxSize: number;
    /** Whether an entry answered in this tick. */
    readonly hasAnswer: boolean;
    /** Entries that were sent a heartbeat in this tick and did not answer, the failed ones included. */
    readonly missed: readonly PoolEntry[];
  },
): FailureVerdict {
  const { now, constants, maxSize } = options;
  for (const entry of failed) {
    entry.consecutiveFails += 1;
    entry.isResponding = false;
  }
  const areOthersAnswering =
    options.hasAnswer ||
    pool.some(
      (entry) =>
        !options.missed.includes(entry) &&
        entry.lastAnswered !== undefined &&
        now - entry.lastAnswered <= constants.tickMs,
    );
  const isExhausted = (entry: PoolEntry): boolean => entry.consecutiveFails >= constants.lastIndexerTries;
  let victims = failed.filter((entry) => !entry.isSeed && (areOthersAnswering || isExhausted(entry)));
  if (victims.length > 0 && victims.length === pool.length) {
    const kept = victims.reduce((best, entry) => ((entry.score ?? -1) > (best.score ?? -1) ? entry : best));
    if (!isExhausted(kept)) victims = victims.filter((entry) => entry !== kept);
  }
  const remaining = pool.filter((entry) => !victims.includes(entry));
  return { victims, recovery: recoveryAfter(victims.length, remaining, now, maxSize) };
}

function recoveryAfter(
  victims: number,
  remaining: readonly PoolEntry[],
  now: number,
  maxSize: number,
): Recovery {
  if (remaining.length === 0) return { kind: 'retry-seeds' };
  const healthy = remaining.filter((entry) => entry.isHealthy(now)).length;
  if (victims === 0 && healthy > 0) return { kind: 'none' };
  const need = Math.max(maxSize - remaining.length, 1);
  return healthy > 0 ? { kind: 'consensus', need } : { kind: 'replenish-and-retry', need };
}
