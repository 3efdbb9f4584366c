import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntry } from './pool-entry.ts';

function hasHealthyOther(entry: PoolEntry, pool: readonly PoolEntry[], now: number): boolean {
  return pool.some((other) => other !== entry && other.isHealthy(now));
}

/**
 * Whether an entry leaves for its score (14.4): below the minimum of its age, after 120 s online, not a seed, and with
 * a healthy entry left (F:24).
 */
export function isEvictedByScore(
  entry: PoolEntry,
  pool: readonly PoolEntry[],
  now: number,
  constants: DiscoveryConstants,
): boolean {
  return (
    entry.score !== undefined &&
    entry.score < entry.minimumScore(now) &&
    entry.uptime.totalOnlineMs >= 2 * constants.recommendedMs &&
    !entry.isSeed &&
    hasHealthyOther(entry, pool, now)
  );
}

export type Sentence =
  | { readonly kind: 'none' }
  /** A seed loses the flag and stays until another entry is healthy. */
  | { readonly kind: 'discharge'; readonly evidence: string }
  | { readonly kind: 'evict'; readonly evidence: string };

/** What the hard-evidence rule says of an entry (13.8, 14.10). */
export function sentence(
  entry: PoolEntry,
  pool: readonly PoolEntry[],
  now: number,
  constants: DiscoveryConstants,
): Sentence {
  const evidence = entry.evidence.verdict(now, constants.bornAtEvidenceMs);
  if (evidence === undefined) return { kind: 'none' };
  if ((!entry.isSeed && !entry.isConvicted) || hasHealthyOther(entry, pool, now)) {
    return { kind: 'evict', evidence };
  }
  return entry.isConvicted ? { kind: 'none' } : { kind: 'discharge', evidence };
}
