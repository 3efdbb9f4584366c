import { discoveryErrors } from '../errors.ts';
import type { DiscoveryConstants } from '../constants.ts';

/**
 * Refuses periods that would break the limit which we enforce ourselves as an indexer (11.2): with heartbeats spaced by
 * the minimum gap or more, no window may hold more than `maxPerWindow`. Throws OVERLAY_START_FAILED.
 */
export function checkHeartbeatRate(constants: DiscoveryConstants, maxPerWindow: number): void {
  const spacing = Math.min(constants.heartbeatMinGapMs, constants.tickMs * (1 - TICK_JITTER));
  const worst = Math.floor(constants.behaviourWindowMs / spacing) + 1;
  if (worst <= maxPerWindow) return;
  throw discoveryErrors.create(
    'OVERLAY_START_FAILED',
    `heartbeats every ${spacing} ms would be up to ${worst} in ${constants.behaviourWindowMs} ms, over the limit of ${maxPerWindow}`,
    { hint: 'Raise the heartbeat limit, the tick or the minimum gap.' },
  );
}

/** Share by which a tick comes early or late (11.2). */
export const TICK_JITTER = 0.05;
