import { defineErrors } from '@muster/core';

/** Errors of authentication. Messages that reach a client are the texts of the specification, literally. */
export const authErrors = defineErrors({
  overloaded: {
    summary: 'Too many signature checks are waiting.',
    hint: 'Try again after a short, random pause.',
  },
  invalid_admin_token_file: {
    summary: 'The file of admin tokens cannot be used.',
    hint: 'Create its entries with the command that creates admin tokens.',
  },
  invalid_request_signature: {
    summary: 'The fields of a version 2 request signature are missing or malformed.',
    hint: 'Send ts (unix seconds), nonce (16 to 64 of A-Z a-z 0-9 _ -) and signature_v2 (base64).',
  },
  stale_request: {
    summary: 'The time of a signed request is too far from the time of the registry.',
    hint: 'Set the clock of the sender.',
  },
  replayed_request: {
    summary: 'The nonce of a signed request was used before.',
    hint: 'Use a new random nonce for every request.',
  },
  nonce_memory_full: {
    summary: 'More signed requests arrived within the nonce window than can be remembered.',
    hint: 'Slow down; the memory empties as nonces become too old to be accepted.',
  },
  malformed_statement: {
    summary: 'A badge, enrolment or recovery statement does not have the required form.',
  },
  statement_signature: {
    summary: 'The signature of a badge, enrolment or recovery statement does not verify.',
  },
  unknown_statement_key: {
    summary: 'A statement names a signing key that is not in the key ring.',
    hint: 'Add the issuer to the key ring, or have the statement issued again.',
  },
  statement_expired: { summary: 'A statement has expired.' },
  statement_too_far_ahead: { summary: 'A recovery statement expires later than a fresh one can.' },
  statement_subject: { summary: 'A statement was made for another node.' },
  statement_key_binding: { summary: 'A recovery statement was made for another new key.' },
  invalid_key_ring: {
    summary: 'The text of a key ring cannot be used.',
    hint: 'Write kid=base64 entries joined by commas; keys are 32 bytes and not all zero.',
  },
});
