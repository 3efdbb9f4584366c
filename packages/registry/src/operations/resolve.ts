import { shownLanAddresses } from '../model/disclosure.ts';
import { addressMembers, challenges, keyAgeDays, requireNode, requireRequester, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { nodeNotFound, refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node to reach'),
  requester_id: field.u32('the node that asks'),
  signature: field.text("the requester's signature"),
};

/** Where a node is, for those who may know (spec 7.2). */
export const resolve = defineOperation<typeof fields>({
  type: 'resolve',
  summary: 'The address of a node that is public, trusts the requester, or shares a network with it.',
  section: '7.2',
  fields,
  auth: 'signature',
  challenge: 'resolve:<requester_id>:<node_id>',
  breaker: 'registry.resolve',
  standby: true,
  emits: [],
  replies: {
    node_id: 'u32',
    real_addr: 'host:port; the beacon for a relay-only node',
    lan_addrs: 'addresses behind the same router, if any; never for a relay-only node',
    key_age_days: 'whole days since the key was made or rotated, if known',
    relay_only: 'true for a relay-only node',
  },
  errors: [
    'resolve denied: requester node %d is not registered',
    'node %d: node not found',
    'resolve denied: node %d is private (establish mutual trust first)',
  ],
  demands({ state, request }) {
    requireRequester(state, request.requester_id);
    return [signed(request.requester_id, challenges.resolve(request.requester_id, request.node_id))];
  },
  decide(call) {
    const { state, request, policy } = call;
    const requester = requireRequester(state, request.requester_id);
    const slot = requireNode(state, request.node_id);
    if (!state.mayResolve(requester, slot)) {
      if (policy.strictDirectoryAuth) nodeNotFound(request.node_id);
      refuse('private', `resolve denied: node ${request.node_id} is private (establish mutual trust first)`);
    }
    const lan = shownLanAddresses(state.nodes, slot, state.nodes.profile(slot));
    const age = keyAgeDays(state, slot, call.now);
    return {
      reads: Math.max(
        state.nodes.changedBy[slot] as number,
        state.nodes.changedBy[requester] as number,
        state.trust.changedBy(request.requester_id, request.node_id),
      ),
      reply: {
        node_id: request.node_id,
        ...addressMembers(call, slot),
        lan_addrs: lan.length === 0 ? undefined : lan,
        key_age_days: age < 0 ? undefined : age,
      },
    };
  },
});
