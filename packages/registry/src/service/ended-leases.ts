import type { Clock } from '@muster/core';
import type { Engine } from '../engine/engine.ts';

export const LEASE_CHECK_INTERVAL_MS = 1_000;
/** For so long its holder can still say that it has done the work, unless somebody else has got the lease meanwhile. */
export const LEASE_GRACE_MS = 10_000;
/** Leases that one run takes out: what the loop can apply in one piece. */
const MAX_PER_RUN = 500;

/** Takes out leases that were not renewed in time; answers how many. Who wants one of them gets it sooner than that. */
export function endLeases(engine: Engine, clock: Clock): number {
  const ended = engine.state.leases.ended(clock.monotonic(), LEASE_GRACE_MS, MAX_PER_RUN);
  if (ended.length === 0) return 0;
  const at = Math.floor(clock.now() / 1000);
  engine.commit(
    ended.map(({ resource, token }) => ({ type: 'lease.released', resource, token, at, why: 'expired' })),
  );
  return ended.length;
}
