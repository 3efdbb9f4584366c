import { validateHostname } from '../validation/index.ts';
import { quote } from '../wire/index.ts';
import { challenges, requireNode, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { hostnameHolder } from './hostnames.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node'),
  hostname: field.text('the new name; empty clears it'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** Sets or clears a hostname (spec 7.4). */
export const setHostname = defineOperation<typeof fields>({
  type: 'set_hostname',
  summary: "Sets or clears a node's hostname, unique in the whole registry.",
  section: '7.4',
  fields,
  auth: 'signature or admin',
  challenge: 'set_hostname:<node_id>',
  standby: false,
  emits: ['node.hostname'],
  replies: { node_id: 'u32', hostname: 'the name in force' },
  errors: ['node %d: node not found', 'invalid hostname: ..', 'hostname %q already in use by node %d'],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signedOrAdmin(request.node_id, challenges.setHostname(request.node_id), 'nodes')];
  },
  decide({ state, request, now }) {
    const slot = requireNode(state, request.node_id);
    const problem = validateHostname(request.hostname);
    if (problem !== undefined) refuse('invalid_request', `invalid hostname: ${problem}`);
    const holder = hostnameHolder(state, request.hostname, slot, now);
    if (holder !== undefined) {
      refuse('conflict', `hostname ${quote(request.hostname)} already in use by node ${holder}`);
    }
    const reply = { node_id: request.node_id, hostname: request.hostname };
    // Daemons announce their name once a minute: saying the same again is answered, but it is no event.
    if (state.nodes.profile(slot).hostname === request.hostname) return { reply };
    return {
      reply,
      events: [{ type: 'node.hostname', id: request.node_id, hostname: request.hostname }],
      audit: [
        { action: 'hostname.changed', nodeId: request.node_id, details: { hostname: request.hostname } },
      ],
    };
  },
});
