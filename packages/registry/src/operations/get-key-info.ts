import { formatRfc3339 } from '../wire/index.ts';
import { keyAgeDays, requireNode } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';

const fields = { node_id: field.u32('the node') };

/** What is known of a node's key (spec 7.5). */
export const getKeyInfo = defineOperation<typeof fields>({
  type: 'get_key_info',
  summary: "When a node's key was made, rotated and expires.",
  section: '7.5',
  fields,
  auth: 'none',
  standby: true,
  emits: [],
  replies: {
    node_id: 'u32',
    created_at: 'RFC 3339',
    rotate_count: 'how often the key was rotated',
    rotated_at: 'RFC 3339, if ever',
    expires_at: 'RFC 3339, if set',
    key_age_days: 'whole days; -1 when unknown',
  },
  errors: ['node %d: node not found'],
  decide({ state, request, now }) {
    const slot = requireNode(state, request.node_id);
    const time = (seconds: number | undefined): string | undefined =>
      seconds === undefined || seconds === 0 ? undefined : formatRfc3339(seconds);
    return {
      reply: {
        node_id: request.node_id,
        created_at: time(state.nodes.createdAt[slot]) ?? '',
        rotate_count: state.nodes.rotateCount[slot] as number,
        rotated_at: time(state.nodes.rotatedAt[slot]),
        expires_at: time(state.nodes.expiresAt[slot]),
        key_age_days: keyAgeDays(state, slot, now),
      },
    };
  },
});
