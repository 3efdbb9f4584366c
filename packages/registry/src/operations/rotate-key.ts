import { isWeakPublicKey } from '../auth/index.ts';
import { decodeEitherBase64, decodePublicKey, encodeBase64, formatAddress } from '../wire/index.ts';
import { bringsSignature, challenges, requireNode } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node'),
  new_public_key: field.text('base64 of the new key, either alphabet'),
  signature: field.text('by the present key'),
};

/** Decodes a new key: `invalid new_public_key: ..` for what is no key, for weak keys, and for keys of other nodes. */
export function acceptableNewKey(text: string): Uint8Array {
  const decoded = decodePublicKey(text, decodeEitherBase64);
  if (!decoded.ok) return refuse('invalid_request', `invalid new_public_key: ${decoded.error}`);
  if (isWeakPublicKey(decoded.key)) refuse('invalid_request', 'invalid new_public_key: weak key');
  return decoded.key;
}

/** Replaces the key of a node (spec 7.5). */
export const rotateKey = defineOperation<typeof fields>({
  type: 'rotate_key',
  summary: "Replaces a node's key; the present key signs for the new one.",
  section: '7.5',
  fields,
  auth: 'signature',
  challenge: 'rotate:<node_id>:<new_public_key>',
  standby: false,
  emits: ['key.rotated'],
  replies: { node_id: 'u32', address: "the node's address on the backbone", public_key: 'the new key' },
  errors: [
    'node %d: node not found',
    'rotate_key requires a valid signature',
    'rotate_key requires new_public_key',
    'invalid new_public_key: ..',
    'rotate_key: key rotated concurrently, retry',
  ],
  demands({ state, request, message }) {
    requireNode(state, request.node_id);
    if (!bringsSignature(message)) refuse('auth_signature', 'rotate_key requires a valid signature');
    if (request.new_public_key === '') refuse('invalid_request', 'rotate_key requires new_public_key');
    acceptableNewKey(request.new_public_key);
    const text = 'rotate_key requires a valid signature';
    return [
      {
        kind: 'signature',
        node: request.node_id,
        challenge: challenges.rotateKey(request.node_id, request.new_public_key),
        texts: { noKey: text, missing: text, invalid: text, failed: text },
      },
    ];
  },
  decide({ state, request, now }) {
    const slot = requireNode(state, request.node_id);
    const key = acceptableNewKey(request.new_public_key);
    const holder = state.nodes.slotOfKey(key);
    if (holder >= 0 && holder !== slot)
      refuse('conflict', 'invalid new_public_key: already in use by another node');
    const publicKey = encodeBase64(key);
    return {
      reply: { node_id: request.node_id, address: formatAddress(0, request.node_id), public_key: publicKey },
      events: [{ type: 'key.rotated', id: request.node_id, key: publicKey, at: now }],
      audit: [
        {
          action: 'key.rotated',
          nodeId: request.node_id,
          details: { rotate_count: (state.nodes.rotateCount[slot] as number) + 1 },
        },
      ],
    };
  },
});
