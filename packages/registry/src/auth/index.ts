export { authErrors } from './errors.ts';
export {
  ADMIN_SCOPES,
  AdminTokens,
  createAdminToken,
  formatAdminTokenFile,
  MAX_ADMIN_TOKENS,
  parseAdminTokenFile,
  permits,
  PLAIN_ADMIN_TOKEN_NAME,
} from './admin-tokens.ts';
export type { AdminIdentity, AdminScope, AdminTokenEntry } from './admin-tokens.ts';
export {
  DEFAULT_BADGE_KEY_RING,
  DEFAULT_RECOVERY_KEY_RING,
  KeyRing,
  MAX_KEY_RING_ENTRIES,
} from './key-ring.ts';
export {
  decodeAcceptablePublicKey,
  isWeakPublicKey,
  PublicKeyCache,
  WEAK_PUBLIC_KEY_TEXT,
} from './public-keys.ts';
export type { PublicKeyCacheOptions } from './public-keys.ts';
export {
  canonicalRequest,
  NONCE_MEMORY_SECONDS,
  NonceWindow,
  readRequestV2,
  REQUEST_WINDOW_SECONDS,
  requestV2Challenge,
} from './request-v2.ts';
export type { NonceWindowOptions, RequestFields, RequestV2Fields } from './request-v2.ts';
export { constantTimeEqual, hashSecret, isHashedSecret, matchesSecret, MAX_SECRET_BYTES } from './secrets.ts';
export type { HashedSecret } from './secrets.ts';
export {
  checkBadgeExpiry,
  checkBadgeNode,
  checkRecoveryExpiry,
  formatBadge,
  formatEnrollment,
  formatRecovery,
  MAX_RECOVERY_LIFETIME_SECONDS,
  openStatement,
  parseBadge,
  parseEnrollment,
  parseRecovery,
  statementSignatureError,
  verifyBadge,
  verifyEnrollment,
  verifyRecovery,
} from './statements.ts';
export type { Badge, Enrollment, OpenedStatement, Recovery, VerifySignature } from './statements.ts';
export { importPublicKey } from './import-key.ts';
export { VerificationThreads } from './adapters/verification-threads.ts';
export { VerificationCache } from './verification-cache.ts';
export type { VerificationCacheOptions } from './verification-cache.ts';
export { recommendedConcurrency, SignatureVerifier } from './verifier.ts';
export type {
  BatchVerifier,
  SignatureVerifierOptions,
  VerificationCounts,
  VerificationSource,
  VerificationStatus,
} from './verifier.ts';
