import { NodeFlag } from '../model/node-table.ts';
import { formatRfc3339, RawJson } from '../wire/index.ts';
import { challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { type Call, defineOperation } from './operation.ts';
import { Refusal, refuse } from './refusal.ts';

const MAX_SKEW_SECONDS = 60;
const EXPIRY_WARNING_SECONDS = 86_400;

const fields = {
  node_id: field.u32('the node that is alive'),
  signature: field.text('its signature'),
  ts: field.integer('unix seconds; needed while freshness is enforced'),
};

/** Whether the key of the node expires within a day, which a heartbeat warns of. */
export function expiryWarning(expiresAt: number, now: number): boolean {
  return expiresAt !== 0 && expiresAt - now <= EXPIRY_WARNING_SECONDS;
}

/** A sign of life (spec 7.3, 8.1). The reply is fixed to the byte. */
export const heartbeat = defineOperation<typeof fields>({
  type: 'heartbeat',
  summary: 'A sign of life. Later ones on the same connection need no new signature check for 120 s.',
  section: '7.3, 8.1',
  fields,
  auth: 'signature',
  challenge: 'heartbeat:<node_id>, or heartbeat:<node_id>:<ts> while freshness is enforced',
  breaker: 'registry.heartbeat',
  standby: true,
  emits: [],
  replies: {
    time: "the registry's unix seconds",
    key_expiry_warning: 'true when the key expires within 24 h',
  },
  errors: [
    'node %d: node not found',
    'node %d: key expired at %s',
    'heartbeat requires a ts field',
    'heartbeat ts is %ds from registry time (max 60s)',
  ],
  demands(call) {
    const { request, policy } = call;
    requireNode(call.state, request.node_id);
    if (policy.strictHeartbeatFreshness) {
      const ts = freshTime(call);
      return [signed(request.node_id, challenges.heartbeatAt(request.node_id, ts))];
    }
    if (call.proven(request.node_id)) return [];
    return [signed(request.node_id, challenges.heartbeat(request.node_id))];
  },
  decide(call) {
    const { state, request, now } = call;
    const slot = requireNode(state, request.node_id);
    if (!state.nodes.has(slot, NodeFlag.hasKey)) {
      refuse('auth_signature', 'node has no public key: signature or admin token required');
    }
    const expiresAt = state.nodes.expiresAt[slot] as number;
    if (expiresAt !== 0 && expiresAt <= now) throw expiredKey(request.node_id, expiresAt);
    const warning = expiryWarning(expiresAt, now) ? '"key_expiry_warning":true,' : '';
    return {
      reads: state.nodes.changedBy[slot] as number,
      seen: request.node_id,
      reply: new RawJson(`{${warning}"time":${now},"type":"heartbeat_ok"}`),
    };
  },
});

/** The refusal of a heartbeat with an expired key. */
export function expiredKey(nodeId: number, expiresAt: number): Refusal {
  return new Refusal('key_expired', `node ${nodeId}: key expired at ${formatRfc3339(expiresAt)}`, {
    audit: { action: 'key.expired_heartbeat_blocked', nodeId },
  });
}

function freshTime({ request, now }: Call<typeof fields>): number {
  const { ts } = request;
  if (ts === undefined) return refuse('invalid_request', 'heartbeat requires a ts field');
  const skew = Math.abs(ts - now);
  if (skew > MAX_SKEW_SECONDS)
    refuse('auth_signature', `heartbeat ts is ${skew}s from registry time (max 60s)`);
  return ts;
}
