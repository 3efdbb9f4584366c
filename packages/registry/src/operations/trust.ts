import { challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const pairFields = {
  node_id: field.u32('the node that speaks'),
  peer_id: field.u32('the node it speaks of'),
  signature: field.text('by node_id'),
};

/** One side declares trust (spec 7.6). It counts when the other side has declared it too (B-21). */
export const reportTrust = defineOperation<typeof pairFields>({
  type: 'report_trust',
  summary: 'Declares trust in a peer. The pair counts once both sides have declared it.',
  section: '7.6',
  fields: pairFields,
  auth: 'signature',
  challenge: 'report_trust:<node_id>:<peer_id>',
  breaker: 'registry.trust',
  standby: false,
  emits: ['trust.reported'],
  replies: {},
  errors: ['node %d: node not found', 'too many trust pairs (max %d)'],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signed(request.node_id, challenges.reportTrust(request.node_id, request.peer_id))];
  },
  decide({ state, request }) {
    requireNode(state, request.node_id);
    requireNode(state, request.peer_id);
    const { node_id: by, peer_id: peer } = request;
    if (by === peer) refuse('invalid_request', 'a node cannot report trust in itself');
    const isNew = state.trust.bits(by, peer) === 0;
    const max = state.limits.maxTrustPerNode;
    if (isNew && state.trust.countOf(by) >= max) refuse('limit_reached', `too many trust pairs (max ${max})`);
    const before = state.trust.trusted(by, peer);
    const bothSides = before || state.trust.declaredBy(peer, by);
    return {
      reply: {},
      events: state.trust.declaredBy(by, peer) ? [] : [{ type: 'trust.reported', by, peer }],
      audit: [{ action: 'trust.created', nodeId: by, details: { peer, effective: bothSides } }],
    };
  },
});

/** One side withdraws the trust of the pair (spec 7.6). */
export const revokeTrust = defineOperation<typeof pairFields>({
  type: 'revoke_trust',
  summary: 'Ends the trust between two nodes, for both sides; a pending report is withdrawn.',
  section: '7.6',
  fields: pairFields,
  auth: 'signature',
  challenge: 'revoke_trust:<node_id>:<peer_id>',
  breaker: 'registry.trust',
  standby: false,
  emits: ['trust.revoked'],
  replies: {},
  errors: ['node %d: node not found', 'no trust pair between %d and %d'],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signed(request.node_id, challenges.revokeTrust(request.node_id, request.peer_id))];
  },
  decide({ state, request }) {
    requireNode(state, request.node_id);
    const { node_id: by, peer_id: peer } = request;
    if (state.trust.bits(by, peer) === 0) refuse('not_found', `no trust pair between ${by} and ${peer}`);
    return {
      reply: {},
      events: [{ type: 'trust.revoked', by, peer }],
      audit: [{ action: 'trust.revoked', nodeId: by, details: { peer } }],
    };
  },
});

const checkFields = {
  node_id: field.u32('the one node'),
  peer_id: field.u32('the other node'),
  requester_id: field.u32('who asks: one of the two, in strict directory mode'),
  signature: field.text("the requester's signature, in strict directory mode"),
};

/** Whether two nodes trust one another (spec 7.6). */
export const checkTrust = defineOperation<typeof checkFields>({
  type: 'check_trust',
  summary: 'Whether two nodes trust one another or share a network.',
  section: '7.6',
  fields: checkFields,
  auth: 'none',
  challenge: 'check_trust:<node_id>:<peer_id> (strict directory mode)',
  breaker: 'registry.trust',
  standby: true,
  emits: [],
  replies: { trusted: 'bool' },
  errors: ['check_trust denied: requester must be participant'],
  demands({ state, request, policy }) {
    if (!policy.strictDirectoryAuth) return [];
    if (request.requester_id !== request.node_id && request.requester_id !== request.peer_id) {
      refuse('denied', 'check_trust denied: requester must be participant');
    }
    requireNode(state, request.requester_id);
    return [signed(request.requester_id, challenges.checkTrust(request.node_id, request.peer_id))];
  },
  decide({ state, request }) {
    const a = state.nodes.liveSlotOf(request.node_id);
    const b = state.nodes.liveSlotOf(request.peer_id);
    const shares = a >= 0 && b >= 0 && a !== b && state.shareNetwork(a, b);
    return { reply: { trusted: shares || state.trust.trusted(request.node_id, request.peer_id) } };
  },
});
