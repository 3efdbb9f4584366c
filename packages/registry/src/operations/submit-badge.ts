import { checkBadgeExpiry, checkBadgeNode, parseBadge } from '../auth/index.ts';
import { formatRfc3339 } from '../wire/index.ts';
import { challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';
import { readStatement, statementDemand } from './statements.ts';

const LAST_RFC3339_SECOND = 253_402_300_799;
const failure = (error: string): string => `badge verification failed: ${error}`;

const fields = {
  node_id: field.u32('the node'),
  badge: field.text('the badge statement'),
  badge_sig: field.text("the issuer's signature over the badge"),
  signature: field.text("the node's signature"),
};

/** Stores a badge that a pinned issuer gave to the node (spec 7.5, 12.5). */
export const submitBadge = defineOperation<typeof fields>({
  type: 'submit_badge',
  summary: 'Stores a badge by a pinned issuer, which lookups show from then on.',
  section: '7.5, 12.5',
  fields,
  auth: 'signature',
  challenge: 'submit_badge:<node_id>:<badge>',
  standby: false,
  emits: ['badge.submitted'],
  replies: { node_id: 'u32', provider: 'who has verified the node' },
  errors: [
    'node %d: node not found',
    'submit_badge requires badge and badge_sig',
    'missing signature',
    'badge verification failed: ..',
  ],
  demands({ state, request, badgeKeys }) {
    if (request.badge === '' || request.badge_sig === '') {
      refuse('invalid_request', 'submit_badge requires badge and badge_sig');
    }
    requireNode(state, request.node_id);
    return [
      signed(request.node_id, challenges.submitBadge(request.node_id, request.badge), {
        missing: 'missing signature',
      }),
      statementDemand(parseBadge, request.badge, request.badge_sig, badgeKeys, 'invalid_request', failure),
    ];
  },
  decide({ state, request, now }) {
    requireNode(state, request.node_id);
    const badge = readStatement(() => parseBadge(request.badge), 'invalid_request', failure);
    readStatement(() => checkBadgeExpiry(badge, now), 'invalid_request', failure);
    readStatement(() => checkBadgeNode(badge, request.node_id), 'invalid_request', failure);
    const { provider } = badge;
    const verifiedAt = Math.min(badge.verifiedAt, LAST_RFC3339_SECOND);
    return {
      reply: { node_id: request.node_id, provider },
      events: [
        {
          type: 'badge.submitted',
          id: request.node_id,
          badge: request.badge,
          badgeSig: request.badge_sig,
          provider,
          verifiedAt: formatRfc3339(verifiedAt),
        },
      ],
      audit: [{ action: 'identity.badge_submitted', nodeId: request.node_id, details: { provider } }],
    };
  },
});
