import { NodeFlag } from '../model/node-table.ts';
import { challenges, requireNode, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';

const fields = {
  node_id: field.u32('the node'),
  public: field.bool('whether everyone may see its address'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** Shows or hides where a node is (spec 7.4). */
export const setVisibility = defineOperation<typeof fields>({
  type: 'set_visibility',
  summary: 'Makes a node public or private.',
  section: '7.4',
  fields,
  auth: 'signature or admin',
  challenge: 'set_visibility:<node_id>',
  standby: false,
  emits: ['node.visibility'],
  replies: { node_id: 'u32', visibility: '`public` or `private`' },
  errors: ['node %d: node not found'],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signedOrAdmin(request.node_id, challenges.setVisibility(request.node_id), 'nodes')];
  },
  decide({ state, request }) {
    const slot = requireNode(state, request.node_id);
    const visibility = request.public ? 'public' : 'private';
    const reply = { node_id: request.node_id, visibility };
    // Daemons say it again whenever they come back: that is answered, but it is no event.
    if (state.nodes.has(slot, NodeFlag.public) === request.public) return { reply };
    return {
      reply,
      events: [{ type: 'node.visibility', id: request.node_id, public: request.public }],
      audit: [{ action: 'visibility.changed', nodeId: request.node_id, details: { visibility } }],
    };
  },
});
