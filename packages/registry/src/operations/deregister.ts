import { BACKBONE } from '../model/limits.ts';
import { challenges, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import type { AuditNote } from './refusal.ts';

const fields = {
  node_id: field.u32('the node that leaves'),
  signature: field.text('its signature'),
  admin_token: field.text('an admin token instead of the signature'),
};

/** A node leaves (spec 7.4). Its id and key are remembered, so that it can come back. */
export const deregister = defineOperation<typeof fields>({
  type: 'deregister',
  summary:
    'Removes a node from the directory and from its networks. The same key gets the same id when it comes back.',
  section: '7.4',
  fields,
  auth: 'signature or admin',
  challenge: 'deregister:<node_id>',
  breaker: 'registry.deregister',
  standby: false,
  emits: ['node.deregistered'],
  replies: {},
  errors: [],
  demands({ state, request }) {
    if (state.nodes.liveSlotOf(request.node_id) < 0) return [];
    return [signedOrAdmin(request.node_id, challenges.deregister(request.node_id), 'nodes')];
  },
  decide({ state, request, now }) {
    const slot = state.nodes.liveSlotOf(request.node_id);
    if (slot < 0) return { reply: {} };
    const audit: AuditNote[] = [{ action: 'node.deregistered', nodeId: request.node_id }];
    for (const id of state.nodes.profile(slot).networks) {
      const network = state.networks.get(id);
      if (id === BACKBONE || network?.role(request.node_id) !== 'owner') continue;
      audit.push({ action: 'network.owner_lost', nodeId: request.node_id, networkId: id });
    }
    return { reply: {}, events: [{ type: 'node.deregistered', id: request.node_id, at: now }], audit };
  },
});
