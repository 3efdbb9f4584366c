import type { DiscoveryConstants } from '../constants.ts';
import type { WireError } from '../wire/messages.ts';
import type { PoolEntry } from './pool-entry.ts';

export type RefusalEffect =
  /** The entry stays; nothing is counted. */
  | 'kept'
  /** As a transport failure. */
  | 'failure'
  /** The entry stays, and we did something wrong. */
  | 'own-bug';

/** What an indexer's refusal of a heartbeat means for its entry (7.3, 11.3). Times are monotonic milliseconds. */
export function takeRefusal(
  entry: PoolEntry,
  error: WireError,
  now: number,
  constants: DiscoveryConstants,
): RefusalEffect {
  const retryAfterMs = error.retry_after === undefined ? undefined : error.retry_after * 1000;
  switch (error.code) {
    case 'low_score':
      return 'kept';
    case 'rate_limited':
      suspend(entry, now + Math.min(retryAfterMs ?? constants.tickMs, constants.banMs));
      return 'kept';
    case 'full':
      suspend(entry, now + constants.fullBackoffMs);
      entry.isUnusable = true;
      entry.isResponding = false;
      return 'kept';
    case 'banned':
    case 'blacklisted':
      suspend(entry, now + Math.min(retryAfterMs ?? constants.banMs, constants.banMaxMs));
      entry.isUnusable = true;
      entry.isResponding = false;
      return 'kept';
    case 'identity_mismatch':
    case 'bad_signature':
    case 'expired':
    case 'bad_request':
    case 'unknown_peer':
    case 'too_many':
      return 'own-bug';
    case 'shutting_down':
    case 'internal':
      return 'failure';
    default:
      return error.code satisfies never;
  }
}

function suspend(entry: PoolEntry, until: number): void {
  entry.suspendedUntil = until;
}
