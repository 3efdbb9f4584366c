import { BACKBONE } from '../model/limits.ts';
import { challenges, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node'),
  network_id: field.u16('the network'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** A node leaves a network (spec 7.7); its role and its tags there go with it (B-49). */
export const leaveNetwork = defineOperation<typeof fields>({
  type: 'leave_network',
  summary: 'A node leaves a network.',
  section: '7.7',
  fields,
  auth: 'signature or admin',
  challenge: 'leave_network:<node_id>:<network_id>',
  breaker: 'registry.network_admin',
  standby: false,
  emits: ['network.left'],
  replies: { network_id: 'u16' },
  errors: [
    'cannot leave the backbone network',
    'node %d not registered',
    'network %d: network not found',
    'cannot leave network: owner must transfer ownership first',
    'node %d is not a member of network %d',
  ],
  demands({ state, request }) {
    if (request.network_id === BACKBONE) refuse('invalid_request', 'cannot leave the backbone network');
    if (state.nodes.liveSlotOf(request.node_id) < 0)
      refuse('not_found', `node ${request.node_id} not registered`);
    const challenge = challenges.leaveNetwork(request.node_id, request.network_id);
    return [signedOrAdmin(request.node_id, challenge, 'networks')];
  },
  decide({ state, request }) {
    const { node_id: node, network_id: id } = request;
    const network = state.networks.get(id);
    if (network === undefined) return refuse('not_found', `network ${id}: network not found`);
    const role = network.role(node);
    if (role === 'owner' && network.profile.enterprise) {
      refuse('denied', 'cannot leave network: owner must transfer ownership first');
    }
    if (role === undefined) refuse('not_found', `node ${node} is not a member of network ${id}`);
    return {
      reply: { network_id: id },
      events: [{ type: 'network.left', network: id, node }],
      audit: [{ action: 'network.left', networkId: id, nodeId: node }],
    };
  },
});
