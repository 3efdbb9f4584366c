export { tlsErrors } from './errors.ts';
export {
  makeSelfSigned,
  SELF_SIGNED_DEFAULT_NAMES,
  SELF_SIGNED_ORGANISATION,
  SELF_SIGNED_VALIDITY_DAYS,
} from './self-signed.ts';
export type { SelfSignedPair } from './self-signed.ts';
export {
  SELF_SIGNED_CERTIFICATE_FILE_NAME,
  SELF_SIGNED_FILE_NAME,
  SELF_SIGNED_RENEWAL_DAYS,
  TLS_HANDSHAKE_TIMEOUT_MS,
  TlsMaterial,
} from './tls-material.ts';
export type { SecureContextHolder, TlsMaterialOptions, TlsSource } from './tls-material.ts';
