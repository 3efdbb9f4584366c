import { defineErrors, MusterError } from '@muster/core/identity';

/** Codes of everything that a call can fail with. */
export const clientErrors = defineErrors({
  OPTIONS_INVALID: {
    summary: 'The options of the client are unknown, out of range, or contradict each other.',
  },
  REQUEST_INVALID: {
    summary: 'An argument of the call cannot be sent: the registry would silently read it as something else.',
  },
  CREDENTIAL_MISSING: {
    summary: 'The call needs a signature or an admin token, and the client has neither.',
    hint: 'Give the client `identity` and `nodeId`, or `adminToken`.',
  },
  REGISTRY_REFUSED: {
    summary: 'The registry answered with an error. It was not retried, and the connection is fine.',
    hint: 'refusalOf(error) gives the text, the code and the time to wait, when the registry told them.',
  },
  CONNECT_FAILED: {
    summary: 'No connection to the registry could be made. The request was not sent.',
    hint: 'Check host, port and firewall; the cause says what the system answered last.',
  },
  TLS_FAILED: {
    summary: 'The TLS handshake failed, or the certificate is not trusted. Nothing was sent.',
    hint: 'For a self-signed certificate set tls.pin to the fingerprint that the registry prints at start.',
  },
  PIN_MISMATCH: {
    summary: 'The certificate of the server is not the pinned one. Nothing was sent.',
    hint: 'Either the registry has a new certificate, or this is not the registry.',
  },
  CONNECTION_LOST: {
    summary: 'The connection ended before the reply came. Whether the request took effect is not known.',
    hint: "Look at the state before repeating it. If every request ends so, the server may be too old for encoding 'binary'.",
  },
  TIMEOUT: {
    summary:
      'No reply came in time. details.sent tells whether the request went out: if so, it may have taken effect.',
  },
  ABORTED: {
    summary:
      'The caller aborted. details.sent tells whether the request went out: if so, it may have taken effect.',
  },
  PROTOCOL: {
    summary: 'The server sent something that is not a reply of the protocol.',
    hint: 'Check that the port is that of a registry, and that tls is set as on the server.',
  },
  REPLY_TOO_LARGE: {
    summary: 'The reply is larger than maxReplyBytes.',
    hint: 'Raise maxReplyBytes, or list with pageSize.',
  },
  REQUEST_TOO_LARGE: {
    summary: 'The request is larger than a frame of the protocol may be (64 MiB).',
  },
  QUEUE_FULL: {
    summary: 'maxQueued requests are waiting for a connection already. The request was not sent.',
    hint: 'The caller produces faster than the registry answers: wait for replies, or raise poolSize.',
  },
  WATCH_TOO_LARGE: {
    summary: 'The watched network has more than maxNodes members.',
  },
  CLOSED: {
    summary: 'The client is closed. A request that was under way may have taken effect.',
  },
});

/** A code of this package. */
export type ClientErrorCode = keyof typeof clientErrors.definitions;

/** What the registry said when it refused. */
export interface Refusal {
  /** The error text as sent. The original hides most causes behind `request failed`. */
  readonly text: string;
  /**
   * A stable code such as `not_found`, `standby`, `rate_limited` or `auth_signature`. Muster sends one in JSON
   * replies; where the server sends none it is read from texts that leave no doubt, else undefined.
   */
  readonly code: string | undefined;
  /** How long to wait before trying again, when the registry said so. */
  readonly retryAfterMs: number | undefined;
}

/** Texts of the protocol that have one meaning (registry spec, appendix A). */
const CODES_BY_TEXT: readonly (readonly [RegExp, string])[] = [
  [/not found$/, 'not_found'],
  [/^rate limited/, 'rate_limited'],
  [/^standby mode/, 'standby'],
  [/^service unavailable: breaker/, 'breaker_open'],
  [/^registry full$/, 'registry_full'],
  [/ is private \(establish mutual trust first\)$/, 'private'],
  [/^signature verification failed$|^invalid signature encoding|^signature required/, 'auth_signature'],
  [/^rbac: /, 'auth_role'],
];

/** The REGISTRY_REFUSED error of a reply. */
export function refused(
  requestType: string,
  text: string,
  more: { code?: string | undefined; retryAfterMs?: number | undefined } = {},
): MusterError<'REGISTRY_REFUSED'> {
  const refusal: Refusal = {
    text,
    code: more.code ?? CODES_BY_TEXT.find(([pattern]) => pattern.test(text))?.[1],
    retryAfterMs: more.retryAfterMs,
  };
  return clientErrors.create('REGISTRY_REFUSED', `${requestType} refused by the registry: ${text}`, {
    details: { requestType, refusal },
  });
}

/** What the registry said, when `error` is REGISTRY_REFUSED; else undefined. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof MusterError) || error.code !== 'REGISTRY_REFUSED') return undefined;
  return error.details['refusal'] as Refusal;
}

/** Codes of refusals that pass by themselves. */
const PASSING: ReadonlySet<string | undefined> = new Set([
  'rate_limited',
  'overloaded',
  'standby',
  'breaker_open',
  'upstream_failed',
]);

/** Whether the same call may succeed later without anybody changing anything. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof MusterError)) return false;
  switch (error.code as ClientErrorCode) {
    case 'CONNECT_FAILED':
    case 'CONNECTION_LOST':
    case 'TIMEOUT':
    case 'QUEUE_FULL':
      return true;
    case 'REGISTRY_REFUSED':
      return PASSING.has(refusalOf(error)?.code) || refusalOf(error)?.retryAfterMs !== undefined;
    default:
      return false;
  }
}
