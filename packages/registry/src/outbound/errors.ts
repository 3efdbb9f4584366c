import { defineErrors } from '@muster/core';

/** Errors of requests that the registry makes to other servers. */
export const outboundErrors = defineErrors({
  invalid_url: {
    summary: 'A URL for a webhook, an identity provider or an export cannot be used.',
    hint: 'Use http or https and a host that is neither link-local nor a cloud metadata service.',
  },
  invalid_allow_list: {
    summary:
      'An entry of the list of allowed destinations is neither a host name, an address nor a CIDR range.',
  },
  destination_denied: {
    summary: 'A host name stands for an address that outbound requests may not reach.',
    hint: 'When the destination is meant, add its host name or range to the allowed destinations.',
  },
  resolve_failed: { summary: 'The host name of an outbound request could not be resolved.' },
  request_failed: { summary: 'An outbound request failed before its reply was complete.' },
  request_timeout: { summary: 'An outbound request took too long.' },
  reply_too_large: { summary: 'The reply to an outbound request is larger than its limit.' },
  outbound_busy: {
    summary: 'Too many outbound requests are in progress.',
    hint: 'A destination that is slow or down holds them up.',
  },
  identity_verification_failed: {
    summary: 'The identity webhook could not be asked, or did not answer in its form.',
  },
  identity_webhook_status: { summary: 'The identity webhook answered with another status than 200.' },
  identity_rejected: { summary: 'The identity webhook does not vouch for this token.' },
  identity_without_external_id: { summary: 'The identity webhook vouches for a token but names nobody.' },
  key_set_unavailable: { summary: 'The key set of the identity provider could not be fetched or read.' },
  invalid_identity_token: {
    summary: 'A token is malformed, expired, for somebody else, or not signed by the provider.',
  },
  unsupported_jwt_algorithm: {
    summary: 'A token is signed with an algorithm that is not accepted.',
    hint: 'RS256, ES256 and EdDSA are accepted; HS256 only when symmetric keys were allowed.',
  },
  identity_provider_missing: {
    summary: 'No identity provider is configured.',
    hint: 'Configure one with set_idp_config.',
  },
});
