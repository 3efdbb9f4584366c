import { addressMembers, challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { nodeNotFound, refuse } from './refusal.ts';

const fields = {
  requester_id: field.u32('one of the two nodes'),
  node_a: field.u32('the one end'),
  node_b: field.u32('the other end'),
  signature: field.text("the requester's signature"),
};

/** Both ends of a hole-punching attempt (spec 7.2), under the same permission as resolve (B-19). */
export const punch = defineOperation<typeof fields>({
  type: 'punch',
  summary: 'The addresses of two nodes that want to reach one another through their routers.',
  section: '7.2',
  fields,
  auth: 'signature',
  challenge: 'punch:<node_a>:<node_b>',
  breaker: 'registry.punch',
  standby: false,
  emits: [],
  replies: {
    node_a: 'u32',
    node_a_addr: 'host:port; the beacon for a relay-only node',
    node_b: 'u32',
    node_b_addr: 'host:port; the beacon for a relay-only node',
  },
  errors: [
    'node %d: node not found',
    'punch denied: requester must be participant',
    'resolve denied: node %d is private (establish mutual trust first)',
  ],
  demands({ state, request }) {
    requireNode(state, request.requester_id);
    if (request.requester_id !== request.node_a && request.requester_id !== request.node_b) {
      refuse('denied', 'punch denied: requester must be participant');
    }
    return [signed(request.requester_id, challenges.punch(request.node_a, request.node_b))];
  },
  decide(call) {
    const { state, request, policy } = call;
    const a = requireNode(state, request.node_a);
    const b = requireNode(state, request.node_b);
    const requester = requireNode(state, request.requester_id);
    const other = requester === a ? b : a;
    if (other !== requester && !state.mayResolve(requester, other)) {
      const id = state.nodes.idOf(other);
      if (policy.strictDirectoryAuth) nodeNotFound(id);
      refuse('private', `resolve denied: node ${id} is private (establish mutual trust first)`);
    }
    return {
      reply: {
        node_a: request.node_a,
        node_a_addr: addressMembers(call, a).real_addr,
        node_b: request.node_b,
        node_b_addr: addressMembers(call, b).real_addr,
      },
    };
  },
});
