import { BACKBONE } from '../model/limits.ts';
import { validateNetworkName } from '../validation/index.ts';
import { quote } from '../wire/index.ts';
import { field } from './fields.ts';
import { defineOperation, type Demand } from './operation.ts';
import { refuse } from './refusal.ts';

const deleteFields = {
  network_id: field.u16('the network'),
  node_id: field.u32('the owner; must have proven itself on this connection'),
  admin_token: field.text("an admin token, or the network's own"),
};

/** Deletes a network (spec 7.7). */
export const deleteNetwork = defineOperation<typeof deleteFields>({
  type: 'delete_network',
  summary: 'Deletes a network; its members stay registered.',
  section: '7.7',
  fields: deleteFields,
  auth: 'role',
  breaker: 'registry.network_admin',
  standby: false,
  emits: ['network.deleted'],
  replies: { network_id: 'u16' },
  errors: ['cannot delete the backbone network', 'network %d: network not found'],
  demands({ request }): Demand[] {
    if (request.network_id === BACKBONE) refuse('invalid_request', 'cannot delete the backbone network');
    return [{ kind: 'role', network: request.network_id, node: request.node_id, roles: ['owner'] }];
  },
  decide({ state, request }) {
    if (!state.networks.has(request.network_id)) {
      refuse('not_found', `network ${request.network_id}: network not found`);
    }
    return {
      reply: { network_id: request.network_id },
      events: [{ type: 'network.deleted', network: request.network_id }],
      audit: [{ action: 'network.deleted', networkId: request.network_id, nodeId: request.node_id }],
    };
  },
});

const renameFields = {
  network_id: field.u16('the network'),
  name: field.text('the new name'),
  node_id: field.u32('an owner or admin; must have proven itself on this connection'),
  admin_token: field.text("an admin token, or the network's own"),
};

/** Renames a network (spec 7.7). */
export const renameNetwork = defineOperation<typeof renameFields>({
  type: 'rename_network',
  summary: 'Renames a network.',
  section: '7.7',
  fields: renameFields,
  auth: 'role',
  breaker: 'registry.network_admin',
  standby: false,
  emits: ['network.renamed'],
  replies: { network_id: 'u16', name: 'the name in force' },
  errors: [
    'cannot rename the backbone network',
    'network name required',
    'network name too long (max 63 chars)',
    'network name must be lowercase alphanumeric with hyphens, start/end with alphanumeric',
    'network name %q is reserved',
    'network %q already exists',
    'network %d: network not found',
  ],
  demands({ request }): Demand[] {
    if (request.network_id === BACKBONE) refuse('invalid_request', 'cannot rename the backbone network');
    return [{ kind: 'role', network: request.network_id, node: request.node_id, roles: ['owner', 'admin'] }];
  },
  decide({ state, request }) {
    const { network_id: network, name } = request;
    if (!state.networks.has(network)) refuse('not_found', `network ${network}: network not found`);
    const problem = validateNetworkName(name);
    if (problem !== undefined) refuse('invalid_request', problem);
    const holder = state.networksByName.get(name);
    if (holder !== undefined && holder !== network)
      refuse('conflict', `network ${quote(name)} already exists`);
    return {
      reply: { network_id: network, name },
      events: [{ type: 'network.renamed', network, name }],
      audit: [{ action: 'network.renamed', networkId: network, nodeId: request.node_id, details: { name } }],
    };
  },
});

const enterpriseFields = {
  network_id: field.u16('the network'),
  enterprise: field.bool('whether it has enterprise features'),
  admin_token: field.text('an admin token with the scope `networks`'),
};

/** Switches the enterprise features of a network (spec 7.7). Roles stay dormant while they are off (B-49). */
export const setNetworkEnterprise = defineOperation<typeof enterpriseFields>({
  type: 'set_network_enterprise',
  summary: 'Switches the enterprise features of a network.',
  section: '7.7',
  fields: enterpriseFields,
  auth: 'admin',
  standby: false,
  emits: ['network.enterprise'],
  replies: { network_id: 'u16', enterprise: 'bool' },
  errors: [
    'set_network_enterprise requires admin token',
    'cannot set enterprise on the backbone network',
    'network %d: network not found',
  ],
  demands: () => [{ kind: 'admin', scope: 'networks', text: 'set_network_enterprise requires admin token' }],
  decide({ state, request }) {
    const { network_id: network, enterprise } = request;
    if (network === BACKBONE) refuse('invalid_request', 'cannot set enterprise on the backbone network');
    if (!state.networks.has(network)) refuse('not_found', `network ${network}: network not found`);
    return {
      reply: { network_id: network, enterprise },
      events: [{ type: 'network.enterprise', network, enterprise }],
      audit: [{ action: 'network.enterprise_changed', networkId: network, details: { enterprise } }],
    };
  },
});
