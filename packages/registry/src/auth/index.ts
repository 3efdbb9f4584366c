export { authErrors } from './errors.ts';
export { decodeBase64 } from './base64.ts';
export type { Base64Alphabet } from './base64.ts';
export {
  formatPublicKey,
  importPublicKey,
  isWeakPublicKey,
  parseAcceptablePublicKey,
  parsePublicKey,
  PUBLIC_KEY_BYTES,
  PublicKeyCache,
} from './public-keys.ts';
export type { PublicKeyCacheOptions } from './public-keys.ts';
export { VerificationCache } from './verification-cache.ts';
export type { VerificationCacheOptions } from './verification-cache.ts';
export { recommendedConcurrency, SIGNATURE_BYTES, SignatureVerifier } from './verifier.ts';
export type {
  SignatureVerifierOptions,
  VerificationCounts,
  VerificationSource,
  VerificationStatus,
} from './verifier.ts';
