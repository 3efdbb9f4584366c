import { BACKBONE } from '../model/limits.ts';
import { parseExpiry } from '../validation/index.ts';
import { formatRfc3339 } from '../wire/index.ts';
import { challenges, requireNode, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node; it must be in an enterprise network'),
  expires_at: field.text('RFC 3339, in the future, at most 10 years ahead; empty or `never` clears'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** Sets or clears the expiry of a key (spec 7.5). */
export const setKeyExpiry = defineOperation<typeof fields>({
  type: 'set_key_expiry',
  summary: "Sets or clears when a node's key expires; heartbeats are refused from then on.",
  section: '7.5',
  fields,
  auth: 'signature or admin',
  challenge: 'set_key_expiry:<node_id>, with strict expiry binding set_key_expiry:<node_id>:<expires_at>',
  standby: false,
  emits: ['key.expiry'],
  replies: { node_id: 'u32', expires_at: 'RFC 3339, when set' },
  errors: [
    'node %d: node not found',
    'enterprise feature: key expiry requires enterprise network membership',
    'invalid expires_at: ..',
    'expires_at must be in the future',
    'invalid expires_at: cannot exceed 10 years',
  ],
  demands({ state, request, policy }) {
    requireNode(state, request.node_id);
    const challenge = policy.strictExpiryBinding
      ? challenges.setKeyExpiryTo(request.node_id, request.expires_at)
      : challenges.setKeyExpiry(request.node_id);
    return [signedOrAdmin(request.node_id, challenge, 'nodes')];
  },
  decide({ state, request, now }) {
    const slot = requireNode(state, request.node_id);
    const inEnterprise = state.nodes
      .profile(slot)
      .networks.some((id) => id !== BACKBONE && state.networks.get(id)?.profile.enterprise === true);
    if (!inEnterprise) {
      refuse('enterprise_required', 'enterprise feature: key expiry requires enterprise network membership');
    }
    const expiry = parseExpiry(request.expires_at, now * 1000);
    if (!expiry.ok) return refuse('invalid_request', expiry.error);
    const expiresAt = expiry.value.kind === 'never' ? 0 : expiry.value.unixSeconds;
    return {
      reply: {
        node_id: request.node_id,
        expires_at: expiresAt === 0 ? undefined : formatRfc3339(expiresAt),
      },
      events: [{ type: 'key.expiry', id: request.node_id, expiresAt }],
      audit: [{ action: expiresAt === 0 ? 'key.expiry_cleared' : 'key.expiry_set', nodeId: request.node_id }],
    };
  },
});
