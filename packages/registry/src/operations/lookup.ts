import { badgeMembers } from '../model/disclosure.ts';
import { MAX_NETWORKS_IN_REPLY } from '../model/limits.ts';
import { NodeFlag } from '../model/node-table.ts';
import { formatAddress } from '../wire/index.ts';
import { addressMembers, challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { nodeNotFound } from './refusal.ts';

const fields = {
  node_id: field.u32('the node to look up'),
  requester_id: field.u32('who asks; needed for private nodes in strict directory mode'),
  signature: field.text("the requester's signature; needed as above"),
};

/** Public facts of a node (spec 7.2). */
export const lookup = defineOperation<typeof fields>({
  type: 'lookup',
  summary: 'Public facts of a node by id. Its address is shown only when the node is public.',
  section: '7.2',
  fields,
  auth: 'none',
  challenge: 'lookup:<requester_id>:<node_id> (strict directory mode, private node)',
  breaker: 'registry.resolve',
  standby: true,
  emits: [],
  replies: {
    node_id: 'u32',
    address: "the node's address on the backbone",
    networks: 'ids of its networks, at most 1024',
    public_key: 'base64',
    public: 'whether its address is shown to everyone',
    last_seen_unix: 'unix seconds of the last sign of life',
    key_generation: 'how often the key has been rotated',
    hostname: 'if it has one',
    tags: 'if it has any',
    task_exec: 'true, or absent',
    version: 'of the daemon, if it told',
    real_addr: 'public nodes only; the beacon for a relay-only node',
    endpoint: 'same as real_addr',
    relay_only: 'true for a public relay-only node',
    verified: 'true while a stored badge is valid; with badge, badge_sig, verification_provider, verified_at',
  },
  errors: ['node %d: node not found'],
  demands({ state, request, policy }) {
    if (!policy.strictDirectoryAuth) return [];
    const slot = state.nodes.liveSlotOf(request.node_id);
    if (slot < 0 || state.nodes.liveSlotOf(request.requester_id) < 0) return [];
    if (state.nodes.has(slot, NodeFlag.public)) return [];
    const notFound = `node ${request.node_id}: node not found`;
    const texts = { noKey: notFound, missing: notFound, invalid: notFound, failed: notFound };
    const challenge = challenges.lookup(request.requester_id, request.node_id);
    return [signed(request.requester_id, challenge, texts)];
  },
  decide(call, proof) {
    const { state, request, policy } = call;
    const nodes = state.nodes;
    const slot = requireNode(state, request.node_id);
    const isPublic = nodes.has(slot, NodeFlag.public);
    if (policy.strictDirectoryAuth && !isPublic) {
      const requester = nodes.liveSlotOf(request.requester_id);
      if (requester < 0 || !proof.signed || !state.mayResolve(requester, slot)) nodeNotFound(request.node_id);
    }
    const profile = nodes.profile(slot);
    const shown = isPublic ? addressMembers(call, slot) : undefined;
    const address = shown?.real_addr === '' ? undefined : shown?.real_addr;
    const { verified, ...badge } = badgeMembers(profile, call.now);
    return {
      reads: nodes.changedBy[slot] as number,
      reply: {
        node_id: request.node_id,
        address: formatAddress(0, request.node_id),
        networks: profile.networks.slice(0, MAX_NETWORKS_IN_REPLY),
        public_key: nodes.key(slot)?.toString('base64') ?? '',
        public: isPublic,
        last_seen_unix: nodes.lastSeen[slot] as number,
        key_generation: nodes.rotateCount[slot] as number,
        hostname: profile.hostname === '' ? undefined : profile.hostname,
        tags: profile.tags.length === 0 ? undefined : profile.tags,
        task_exec: nodes.has(slot, NodeFlag.taskExec) ? true : undefined,
        version: profile.version === '' ? undefined : profile.version,
        real_addr: address,
        endpoint: address,
        relay_only: shown?.relay_only,
        verified: verified === true ? true : undefined,
        ...badge,
      },
    };
  },
});
