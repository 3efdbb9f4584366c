import type { IdentityProviderSettings } from '../model/events.ts';

/** What the registry asks other services. Both throw coded errors, whose messages are the texts for the caller. */
export interface OutboundChecks {
  /** The external id behind an identity token (spec 12.4). */
  verifyIdentityToken(url: string, token: string): Promise<string>;
  /** Whether a token is one of the identity provider's (spec 12.4). */
  validateToken(
    provider: IdentityProviderSettings,
    token: string,
    nowMs: number,
  ): Promise<
    | { readonly verified: true; readonly subject: string; readonly issuer: string }
    | { readonly verified: false; readonly error: string }
  >;
}
