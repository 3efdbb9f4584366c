import { matchesSecret } from '../auth/index.ts';
import type { Network } from '../model/network.ts';
import { BACKBONE, MAX_NETWORKS_IN_REPLY } from '../model/limits.ts';
import { formatAddress, RawJson } from '../wire/index.ts';
import { challenges, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node'),
  network_id: field.u16('the network'),
  token: field.text('its join token, for the rule `token`'),
  inviter_id: field.u32('ignored'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** A node joins a network (spec 7.7). */
export const joinNetwork = defineOperation<typeof fields>({
  type: 'join_network',
  summary: 'A node joins a network whose rule lets it.',
  section: '7.7',
  fields,
  auth: 'signature or admin',
  challenge: 'join_network:<node_id>:<network_id>',
  breaker: 'registry.network_admin',
  standby: false,
  emits: ['network.joined'],
  replies: {
    network_id: 'u16',
    address: "the node's address in that network",
    rules: 'managed-network rules, if any',
    expr_policy: 'policy expression, if any',
  },
  errors: [
    'cannot join the backbone network',
    'node %d not registered',
    'network %d: network not found',
    'invalid token for network %d',
    'invite-only networks require invite_to_network + respond_invite flow',
    'unknown join rule: %s',
    'network membership limit reached',
    'node %d already in network %d',
  ],
  demands({ state, request }) {
    if (request.network_id === BACKBONE) refuse('invalid_request', 'cannot join the backbone network');
    if (state.nodes.liveSlotOf(request.node_id) < 0)
      refuse('not_found', `node ${request.node_id} not registered`);
    const challenge = challenges.joinNetwork(request.node_id, request.network_id);
    return [signedOrAdmin(request.node_id, challenge, 'networks')];
  },
  decide({ state, request }) {
    const { node_id: node, network_id: id } = request;
    const slot = state.nodes.liveSlotOf(node);
    if (slot < 0) refuse('not_found', `node ${node} not registered`);
    const network = state.networks.get(id);
    if (network === undefined) return refuse('not_found', `network ${id}: network not found`);
    checkJoinRule(network, request.token);
    const max = network.profile.policy?.maxMembers ?? 0;
    if (max > 0 && network.memberCount >= max) refuse('limit_reached', 'network membership limit reached');
    if (state.nodes.profile(slot).networks.length >= MAX_NETWORKS_IN_REPLY) {
      refuse('limit_reached', 'network membership limit reached');
    }
    if (network.has(node)) refuse('conflict', `node ${node} already in network ${id}`);
    const { rules, exprPolicy } = network.profile;
    return {
      reply: {
        network_id: id,
        address: formatAddress(id, node),
        rules: rules === undefined ? undefined : new RawJson(rules),
        expr_policy: exprPolicy === undefined ? undefined : new RawJson(exprPolicy),
      },
      events: [{ type: 'network.joined', network: id, node, role: 'member' }],
      audit: [{ action: 'network.joined', networkId: id, nodeId: node }],
    };
  },
});

function checkJoinRule(network: Network, token: string): void {
  const { joinRule, id } = network.profile;
  switch (joinRule) {
    case 'open':
      return;
    case 'token':
      if (network.profile.token === undefined || !matchesSecret(token, network.profile.token)) {
        refuse('auth_token', `invalid token for network ${id}`);
      }
      return;
    case 'invite':
      return refuse('denied', 'invite-only networks require invite_to_network + respond_invite flow');
    default:
      return refuse('invalid_request', `unknown join rule: ${joinRule}`);
  }
}
