import { defineErrors } from '@muster/core';

/** Errors of the listener's TLS set-up (spec section 2.1). */
export const tlsErrors = defineErrors({
  tls_keypair_unusable: {
    summary: 'The TLS certificate or its key can not be used.',
    hint: 'Both must be PEM, and the key must belong to the certificate. A self-signed pair is made anew when its file is removed; pinned clients then need the new fingerprint.',
  },
  tls_self_signed_failed: {
    summary: 'A self-signed certificate could not be made or stored.',
    hint: 'The data folder must be writable.',
  },
});
