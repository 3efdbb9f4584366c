export { createKeyFile, readKeyFile, readOrCreateKeyFile } from './adapters/key-file.ts';
export { decodeBase58, encodeBase58 } from './base58.ts';
export { actingNodeField, challengeFor, challenges, enrollmentCommitment } from './challenges.ts';
export type { RequestFields } from './challenges.ts';
export { identityErrors } from './errors.ts';
export { Identity, SIGNATURE_BYTES, verificationKey, verifySignature } from './identity.ts';
export {
  didOf,
  fingerprintOf,
  KEY_BYTES,
  peerIdOf,
  publicKeyOfDid,
  publicKeyOfPeerId,
  shortFingerprintOf,
} from './names.ts';
export { canonicalJson, isRequestNonce, requestSignatureText, signRequest } from './request-signature.ts';
// Programs that need only an identity get the coded errors from here too.
export { defineErrors, errorCode, MusterError } from '../errors.ts';
export type { ErrorDefinition, ErrorFamily } from '../errors.ts';
