import type { DiscoveryConstants } from '../constants.ts';
import type { PoolEntry } from './pool-entry.ts';

export type MigrationStep = 'stay' | 'discharge' | 'evict';

/** Points by which a challenger must be better than an entry of a day's age (24.3). */
const MARGIN = 15;

/**
 * Notes whether another healthy entry has a much better score: an entry older than a day is given up for its load only
 * after that has been so for a while (24.3). Called at each of its answers.
 */
export function noteChallengers(entry: PoolEntry, pool: readonly PoolEntry[], now: number): void {
  const isOutdone = pool.some(
    (other) =>
      other !== entry &&
      other.isHealthy(now) &&
      other.score !== undefined &&
      other.score > (entry.score ?? 0) + MARGIN,
  );
  if (!isOutdone) entry.outdoneSince = undefined;
  else entry.outdoneSince ??= now;
}

/** What to do when an indexer asks us to move (14.3). Alternatives are healthy, other, and no seeds (F:24). */
export function migrationStep(
  entry: PoolEntry,
  pool: readonly PoolEntry[],
  options: { readonly now: number; readonly minIndexer: number; readonly constants: DiscoveryConstants },
): MigrationStep {
  const { now, minIndexer, constants } = options;
  const alternatives = pool.filter(
    (other) => other !== entry && !other.isSeed && other.isHealthy(now),
  ).length;
  if (alternatives < minIndexer) return 'stay';
  if (entry.isSeed) return 'discharge';
  const isOld = entry.ageMs(now) >= constants.dayMs;
  const isOutdone =
    entry.outdoneSince !== undefined && now - entry.outdoneSince >= constants.switchPatienceMs;
  return isOld && !isOutdone ? 'stay' : 'evict';
}
