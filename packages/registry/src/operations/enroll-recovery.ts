import { enrollmentCommitment } from '@muster/core/identity';
import { parseEnrollment } from '../auth/index.ts';
import { challenges, requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';
import { readStatement, statementDemand } from './statements.ts';

const failure = (error: string): string => `enrollment verification failed: ${error}`;

const fields = {
  node_id: field.u32('the node'),
  enrollment: field.text('the enrolment statement'),
  enrollment_sig: field.text("the issuer's signature over it"),
  signature: field.text("the node's signature"),
};

/** Prepares a node for recovery of its identity (spec 7.5, 12.5). */
export const enrollRecovery = defineOperation<typeof fields>({
  type: 'enroll_recovery',
  summary: 'Binds a node to the person who may later recover its identity.',
  section: '7.5, 12.5',
  fields,
  auth: 'signature',
  challenge: 'enroll_recovery:<node_id>:<commitment in the statement>',
  standby: false,
  emits: ['recovery.enrolled'],
  replies: { node_id: 'u32' },
  errors: [
    'node %d: node not found',
    'enroll_recovery requires enrollment and enrollment_sig',
    'missing signature',
    'enrollment verification failed: ..',
    'enrollment node_id mismatch: statement=%d request=%d',
  ],
  demands(call) {
    const { state, request } = call;
    if (request.enrollment === '' || request.enrollment_sig === '') {
      refuse('invalid_request', 'enroll_recovery requires enrollment and enrollment_sig');
    }
    requireNode(state, request.node_id);
    const { enrollment, enrollment_sig: issuerSignature } = request;
    const issued = statementDemand(
      parseEnrollment,
      enrollment,
      issuerSignature,
      call.badgeKeys,
      'invalid_request',
      failure,
    );
    const commitment = enrollmentCommitment(request.enrollment) ?? '';
    return [
      issued,
      signed(request.node_id, challenges.enrollRecovery(request.node_id, commitment), {
        missing: 'missing signature',
      }),
    ];
  },
  decide({ state, request }) {
    requireNode(state, request.node_id);
    const enrollment = readStatement(() => parseEnrollment(request.enrollment), 'invalid_request', failure);
    const { nodeId, commitment, provider } = enrollment;
    if (nodeId !== request.node_id) {
      refuse(
        'invalid_request',
        `enrollment node_id mismatch: statement=${nodeId} request=${request.node_id}`,
      );
    }
    return {
      reply: { node_id: request.node_id },
      events: [{ type: 'recovery.enrolled', id: request.node_id, commitment, provider }],
      audit: [{ action: 'identity.recovery_enrolled', nodeId: request.node_id, details: { provider } }],
    };
  },
});
