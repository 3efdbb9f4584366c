import { checkRecoveryExpiry, type KeyRing, parseRecovery, type Recovery } from '../auth/index.ts';
import { encodeBase64, formatAddress } from '../wire/index.ts';
import { field } from './fields.ts';
import { defineOperation, type Demand } from './operation.ts';
import { nodeNotFound, refuse } from './refusal.ts';
import { acceptableNewKey } from './rotate-key.ts';
import { readStatement, statementDemand } from './statements.ts';

const fields = {
  node_id: field.u32('the node; it may be gone, if its identity is still remembered'),
  recovery: field.text('the recovery statement'),
  recovery_sig: field.text("the recovery authority's signature over it"),
  new_public_key: field.text('base64 of the new key'),
};

/** Gives a node whose key was lost a new one (spec 7.5, 12.5). */
export const recoverIdentity = defineOperation<typeof fields>({
  type: 'recover_identity',
  summary: 'Replaces a lost key by one that the recovery authority has confirmed. Each statement works once.',
  section: '7.5, 12.5',
  fields,
  auth: 'statement',
  standby: false,
  emits: ['key.recovered'],
  replies: { node_id: 'u32', address: "the node's address on the backbone", public_key: 'the new key' },
  errors: [
    'recover_identity requires recovery, recovery_sig, new_public_key',
    'invalid new_public_key: ..',
    'node %d: node not found',
    'recovery verification failed',
    'recovery node_id mismatch',
    'recovery is not bound to this new key',
    'node %d is not enrolled for recovery',
    'recovery identity does not match the enrolled identity',
    'recovery authorization already used',
    'recovery expiry too far in the future',
  ],
  demands(call) {
    const { state, request, recoveryKeys } = call;
    if (request.recovery === '' || request.recovery_sig === '' || request.new_public_key === '') {
      refuse('invalid_request', 'recover_identity requires recovery, recovery_sig, new_public_key');
    }
    acceptableNewKey(request.new_public_key);
    if (state.nodes.slotOf(request.node_id) < 0) nodeNotFound(request.node_id);
    return [recoveryDemand(request.recovery, request.recovery_sig, recoveryKeys)];
  },
  decide({ state, request, now }) {
    const key = acceptableNewKey(request.new_public_key);
    const publicKey = encodeBase64(key);
    const slot = state.nodes.slotOf(request.node_id);
    if (slot < 0) nodeNotFound(request.node_id);
    const statement = currentRecovery(request.recovery, now);
    if (statement.nodeId !== request.node_id) refuse('auth_signature', 'recovery node_id mismatch');
    if (statement.newPublicKey !== publicKey)
      refuse('auth_signature', 'recovery is not bound to this new key');
    const { rare } = state.nodes.profile(slot);
    if (rare.recoveryCommitment === undefined) {
      refuse('denied', `node ${request.node_id} is not enrolled for recovery`);
    }
    if (rare.recoveryCommitment !== statement.commitment) {
      refuse('auth_signature', 'recovery identity does not match the enrolled identity');
    }
    if (rare.recoveryConsumedNonce === statement.nonce)
      refuse('conflict', 'recovery authorization already used');
    const holder = state.nodes.slotOfKey(key);
    if (holder >= 0 && holder !== slot)
      refuse('conflict', 'invalid new_public_key: already in use by another node');
    return {
      reply: { node_id: request.node_id, address: formatAddress(0, request.node_id), public_key: publicKey },
      events: [
        {
          type: 'key.recovered',
          id: request.node_id,
          key: publicKey,
          at: now,
          recovery: { nonce: statement.nonce, exp: statement.exp },
        },
      ],
      audit: [{ action: 'node.recovered', nodeId: request.node_id }],
    };
  },
});

const failed = (): string => 'recovery verification failed';

/** The demand that a recovery statement is signed by the recovery authority. */
export function recoveryDemand(recovery: string, signature: string, ring: KeyRing): Demand {
  return statementDemand(parseRecovery, recovery, signature, ring, 'auth_signature', failed);
}

/** Reads a recovery statement and refuses one that has expired or lies too far ahead. */
export function currentRecovery(text: string, now: number): Recovery {
  const statement = readStatement(() => parseRecovery(text), 'auth_signature', failed);
  readStatement(
    () => checkRecoveryExpiry(statement, now),
    'auth_signature',
    (error) => (error.startsWith('recovery expiry') ? error : failed()),
  );
  return statement;
}
