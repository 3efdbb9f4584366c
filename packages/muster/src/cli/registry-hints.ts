/** What a person at the command line can do about errors whose own hints are for programmers. */
import { refusalCodes } from '@muster/registry/vocabulary';
import { type Refusal, refusalOf } from '@muster/client';
import type { MusterError } from '@muster/core';

const BY_CODE: Readonly<Partial<Record<string, string>>> = {
  CONNECT_FAILED:
    'Does a registry run there? `npm start` (or `muster dev`) runs one; --registry names another address.',
  CONNECTION_LOST: 'If it always ends so, the registry may speak TLS: give --pin, --ca or --tls.',
  PROTOCOL: 'Is it the port of a registry? If it speaks TLS, give --pin, --ca or --tls.',
  TLS_FAILED:
    'For a self-signed certificate give --pin with the fingerprint that the registry prints at its start. Without TLS on ' +
    'its side, leave out --tls, --pin and --ca.',
  TIMEOUT: '--timeout gives it more time.',
  CREDENTIAL_MISSING: 'Give --key, or --admin-token-file.',
};

const BY_REFUSAL: Readonly<Partial<Record<string, string>>> = {
  auth_admin: 'Check the token given with --admin-token-file: it is wrong, or its scopes do not allow this.',
  auth_signature:
    'Is it the key of this node (--key, --node)? If the registry has lost its data, run `muster nodes register` again.',
  private: 'It tells its address only to nodes that it trusts, and to members of a network that both are in.',
  registry_full: 'Its operator can raise --max-nodes.',
  standby: 'Name the primary with --registry.',
};

/** The refusal that an error tells of, in words for a person. */
export function refusalMessage(error: MusterError, { code, text, retryAfterMs }: Refusal): string {
  const meaning = Object.entries(refusalCodes).find(([known]) => known === code)?.[1];
  // The protocol hides most causes behind this text; the code beside it tells what it may tell.
  const message =
    text === 'request failed' && meaning !== undefined
      ? `${String(error.details['requestType'])} refused by the registry: ${meaning}`
      : error.message;
  return retryAfterMs === undefined
    ? message
    : `${message} (try again in ${Math.ceil(retryAfterMs / 1000)} s)`;
}

/** What the person can do; undefined when there is nothing to say. */
export function hintFor(error: MusterError): string | undefined {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return BY_REFUSAL[refusal.code ?? ''];
  return BY_CODE[error.code] ?? error.hint;
}
