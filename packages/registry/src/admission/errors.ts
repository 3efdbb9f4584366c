import { defineErrors } from '@muster/core';

/** Errors of admission (spec section 2.10). */
export const admissionErrors = defineErrors({
  rate_limited: {
    summary: 'An address sends more than its share.',
    hint: 'Wait for retry_after_ms. The operator can raise the limits, or list the address in the whitelist.',
  },
  whitelist_invalid: {
    summary: 'The rate limit whitelist is not a list of sources with rates.',
    hint: 'Write [{"cidr": "192.0.2.0/24", "rate": 50000}]; the previous list stays in force until then.',
  },
});
