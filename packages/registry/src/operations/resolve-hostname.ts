import { NodeFlag } from '../model/node-table.ts';
import { formatAddress, quote } from '../wire/index.ts';
import { bringsSignature, challenges, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  hostname: field.text('the name'),
  requester_id: field.u32('who asks; sees private names only when it proves who it is'),
  signature: field.text("the requester's signature"),
};

/**
 * From a hostname to a node (spec 7.2). Without proof the requester is anonymous and private names do not exist for
 * it (B-18); proof is a signature, or an earlier signed request of that node on this connection.
 */
export const resolveHostname = defineOperation<typeof fields>({
  type: 'resolve_hostname',
  summary: 'The node behind a hostname. Private nodes are found only by requesters that may resolve them.',
  section: '7.2',
  fields,
  auth: 'none',
  challenge: 'resolve_hostname:<requester_id>',
  breaker: 'registry.resolve',
  standby: true,
  emits: [],
  replies: {
    node_id: 'u32',
    address: "the node's address on the backbone",
    public: 'whether its address is shown to everyone',
    hostname: 'the name',
    last_seen_unix: 'unix seconds of the last sign of life',
  },
  errors: ['hostname required', 'hostname %q not found'],
  demands({ state, request, message }) {
    if (request.hostname === '') refuse('invalid_request', 'hostname required');
    if (!bringsSignature(message) || state.nodes.liveSlotOf(request.requester_id) < 0) return [];
    const notFound = `hostname ${quote(request.hostname)} not found`;
    const texts = { noKey: notFound, missing: notFound, invalid: notFound, failed: notFound };
    return [signed(request.requester_id, challenges.resolveHostname(request.requester_id), texts)];
  },
  decide(call, proof) {
    const { state, request, policy } = call;
    const nodes = state.nodes;
    const slot = nodes.slotOfHostname(request.hostname);
    const notFound = `hostname ${quote(request.hostname)} not found`;
    if (slot < 0 || !nodes.has(slot, NodeFlag.live)) return refuse('not_found', notFound);
    if (!nodes.has(slot, NodeFlag.public)) {
      const requester = nodes.liveSlotOf(request.requester_id);
      const isProven = proof.signed || call.proven(request.requester_id);
      const believed = isProven || (policy.allowUnsignedRequester && !policy.strictDirectoryAuth);
      if (requester < 0 || !believed || !state.mayResolve(requester, slot)) refuse('not_found', notFound);
    }
    return {
      reply: {
        node_id: nodes.idOf(slot),
        address: formatAddress(0, nodes.idOf(slot)),
        public: nodes.has(slot, NodeFlag.public),
        hostname: request.hostname,
        last_seen_unix: nodes.lastSeen[slot] as number,
      },
    };
  },
});
