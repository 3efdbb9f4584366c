export { Destinations, MAX_ALLOWED_DESTINATIONS } from './destinations.ts';
export { outboundErrors } from './errors.ts';
export {
  IdentityTokenValidator,
  MAX_IDENTITY_TOKEN_LENGTH,
  MAX_KEYS_TRIED,
  TOKEN_CLOCK_SKEW_SECONDS,
} from './identity-provider.ts';
export type {
  IdentityProviderConfig,
  IdentityTokenValidatorOptions,
  TokenResult,
} from './identity-provider.ts';
export {
  IDENTITY_WEBHOOK_TIMEOUT_MS,
  MAX_IDENTITY_REPLY_BYTES,
  verifyIdentityToken,
} from './identity-webhook.ts';
export { KEY_SET_LIFETIME_MS, KEY_SET_REFETCH_INTERVAL_MS, KeySets, MAX_KEY_SET_BYTES } from './key-sets.ts';
export type { KeySetsOptions } from './key-sets.ts';
export { systemResolver } from './resolver.ts';
export type { Resolver } from './resolver.ts';
export { SafeFetcher } from './safe-fetch.ts';
export type { OutboundReply, OutboundRequest, SafeFetcherOptions } from './safe-fetch.ts';
export { isMetadataHost, MAX_URL_LENGTH, urlError, validateUrl } from './url-rules.ts';
