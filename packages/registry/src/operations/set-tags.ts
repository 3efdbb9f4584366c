import { normaliseTags } from '../validation/index.ts';
import { challenges, requireNode, signedOrAdmin } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

const fields = {
  node_id: field.u32('the node'),
  tags: field.textList('the new tags; missing or null clears them'),
  signature: field.text("the node's signature"),
  admin_token: field.text('an admin token instead of the signature'),
};

/** Replaces the tags of a node (spec 7.4). */
export const setTags = defineOperation<typeof fields>({
  type: 'set_tags',
  summary: "Replaces a node's tags: at most 10, a leading # is dropped.",
  section: '7.4',
  fields,
  auth: 'signature or admin',
  challenge: 'set_tags:<node_id>',
  standby: false,
  emits: ['node.tags'],
  replies: { node_id: 'u32', tags: 'the tags in force; null when they were cleared by leaving them out' },
  errors: [
    'node %d: node not found',
    'too many tags (max 10)',
    'empty tag not allowed',
    'tag %q too long (max 32 chars)',
    'tag %q must be lowercase alphanumeric with hyphens',
  ],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signedOrAdmin(request.node_id, challenges.setTags(request.node_id), 'nodes')];
  },
  decide({ state, request }) {
    const slot = requireNode(state, request.node_id);
    const result = normaliseTags(request.tags ?? []);
    if (!result.ok) return refuse('invalid_request', result.error);
    const reply = { node_id: request.node_id, tags: request.tags === undefined ? null : result.value };
    // No text of a tag holds a comma. The same tags once more are answered, but they are no event.
    if (state.nodes.profile(slot).tags.join() === result.value.join()) return { reply };
    return {
      reply,
      events: [{ type: 'node.tags', id: request.node_id, tags: result.value }],
      audit: [{ action: 'tags.changed', nodeId: request.node_id, details: { tags: result.value.join(' ') } }],
    };
  },
});
