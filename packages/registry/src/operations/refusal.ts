/**
 * Codes that a refused request carries beside the original's text (B-24). They are stable: clients may act on them.
 */
export const refusalCodes = {
  invalid_request: 'a field is missing, malformed or out of its limits',
  unknown_type: 'this server does not know the message type',
  not_found: 'the node, name or network does not exist, or may not be seen',
  private: 'the node is private and neither trusts the requester nor shares a network with it',
  auth_signature: 'a signature is missing, malformed or wrong',
  signature_v2_required: 'the key has used v2 signatures before: weaker ones are refused',
  auth_admin: 'the admin token is missing or wrong, or lacks the scope',
  auth_role: 'the caller has not the role, or has not proven that it is the node it names',
  auth_token: "the network's join token is wrong",
  denied: 'the caller may not do this',
  conflict: 'the name or the key belongs to somebody else, or the state has changed meanwhile',
  key_expired: "the node's key has expired",
  enterprise_required: 'the network has not the enterprise flag',
  registry_full: 'no more nodes, ids or networks can be added',
  limit_reached: 'a limit of the network or the node is reached',
  rate_limited: 'too many requests: try again after retry_after_ms',
  overloaded: 'the server is busy: try again after retry_after_ms',
  standby: 'this server is a standby: use the primary',
  breaker_open: 'an operator has switched this operation off',
  not_configured: 'the operator has not configured what this needs',
  upstream_failed: 'a service that the registry asked has failed',
  frame_too_large: 'the message is larger than this connection may send',
  reply_too_large: 'the answer does not fit into one message: ask for pages',
  internal: 'a fault of the server; it has been logged',
} as const;

export type RefusalCode = keyof typeof refusalCodes;

/**
 * A request that is answered with an error. It is part of the protocol, not a fault of the program, so it has no
 * stack trace.
 */
export class Refusal {
  readonly code: RefusalCode;
  /** The original's text; what a JSON caller sees of it is decided by the hiding rule (spec 7.12). */
  readonly text: string;
  readonly retryAfterMs: number | undefined;
  /** An audit entry that goes with the refusal. */
  readonly audit: AuditNote | undefined;

  constructor(code: RefusalCode, text: string, options: { retryAfterMs?: number; audit?: AuditNote } = {}) {
    this.code = code;
    this.text = text;
    this.retryAfterMs = options.retryAfterMs;
    this.audit = options.audit;
  }
}

/** Something worth an audit entry. */
export interface AuditNote {
  readonly action: string;
  readonly nodeId?: number;
  readonly networkId?: number;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** Refuses the request at hand. */
export function refuse(code: RefusalCode, text: string): never {
  // oxlint-disable-next-line no-throw-literal -- a refusal is an answer, not an Error: see above
  throw new Refusal(code, text);
}

/** `node %d: node not found`. */
export function nodeNotFound(id: number): never {
  return refuse('not_found', `node ${id}: node not found`);
}
