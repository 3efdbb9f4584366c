/** Comparing ranks (coordination spec 7.4): a sign that two nodes see different members. It never steers anything. */

import type { CascadeContext } from './context.ts';
import type { ProbeReply } from './probe.ts';
import type { ColdStartRequest } from './resolution.ts';

/** Publishes every difference, and logs some of them. */
export function reportMismatches(
  context: CascadeContext,
  request: ColdStartRequest,
  replies: readonly ProbeReply[],
): void {
  const { clock, events, logger } = context.parts;
  const { digest, kind } = request;
  for (const { candidate, intent } of replies) {
    const node = candidate.node.id;
    const ours = comparableRank(context, request, candidate);
    if (ours === undefined || ours === intent.rank) continue;
    events.publish('hrw.mismatch', { digest, kind, node, ours, theirs: intent.rank });
    if (!context.mismatches.admit(node, clock.monotonic())) continue;
    logger.warn(
      { digest, recipient_node: node, our_rank: ours, their_rank: intent.rank },
      'hrw_rank_mismatch',
    );
  }
}

/**
 * What the node should have reported; undefined when nothing follows from it. Nodes report their rank in the whole cluster, so
 * in zone scope the rank there is what is compared, and that only within the zone (10.3).
 */
function comparableRank(
  context: CascadeContext,
  request: ColdStartRequest,
  candidate: ProbeReply['candidate'],
): number | undefined {
  const { members, options } = context.parts;
  if (candidate.node.id === context.self || !Number.isFinite(candidate.rank)) return undefined;
  if (options.hrwScope !== 'zone') return candidate.rank;
  if (candidate.node.zone !== context.view.ownZone) return undefined;
  return context.ranks.rankOf(members.snapshot(), candidate.node.id, request.digest);
}
