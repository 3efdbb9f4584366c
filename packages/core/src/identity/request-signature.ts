/**
 * The stronger request signature, `signature_v2` (registry spec section 4.4, B-10). It covers every field of the
 * request, a time and a nonce, so a captured one can neither be used again nor with other values:
 *
 *     pilot-reg-v2|<type>|<acting node id>|<ts>|<nonce>|<SHA-256 of the canonical request, lower-case hex>
 *
 * The canonical request is the JSON object as sent, with `type`, `ts` and `nonce`, but without `signature`,
 * `signature_v2` and `admin_token`: members sorted by UTF-16 code unit at every level, no white space, numbers and
 * strings as `JSON.stringify` writes them. The acting node id is the field that `actingNodeField` names, 0 for
 * `register`. A server takes a time within 60 s of its own and each nonce once.
 */
import { createHash } from 'node:crypto';
import { actingNodeField, type RequestFields } from './challenges.ts';
import { identityErrors } from './errors.ts';
import type { Identity } from './identity.ts';

/** Members that the signature doesn't cover: signatures themselves, and a secret of another kind. */
const UNCOVERED: ReadonlySet<string> = new Set(['signature', 'signature_v2', 'admin_token']);

const NONCE = /^[A-Za-z0-9_-]{16,64}$/;

/** Whether a text may be the nonce of a `signature_v2`. */
export function isRequestNonce(nonce: string): boolean {
  return NONCE.test(nonce);
}

/** JSON with members sorted by UTF-16 code unit and no white space. Throws REQUEST_NOT_CANONICAL. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object') return canonicalObject(value as RequestFields, new Set());
  throw identityErrors.create('REQUEST_NOT_CANONICAL', `a ${typeof value} has no canonical JSON form`);
}

function canonicalObject(object: RequestFields, leaveOut: ReadonlySet<string>): string {
  const members: string[] = [];
  // The default order of sort() is that of UTF-16 code units.
  for (const name of Object.keys(object).sort()) {
    const value = object[name];
    if (value === undefined || leaveOut.has(name)) continue;
    members.push(`${JSON.stringify(name)}:${canonicalJson(value)}`);
  }
  return `{${members.join(',')}}`;
}

/**
 * The text that `signature_v2` signs for a request, given as it is sent: with `type`, `ts` (unix seconds) and
 * `nonce`. Throws REQUEST_NOT_CANONICAL when one of those is missing or unfit, or a value has no JSON form.
 */
export function requestSignatureText(request: RequestFields): string {
  const { type, ts, nonce } = request;
  if (typeof type !== 'string' || typeof nonce !== 'string' || !isRequestNonce(nonce)) {
    throw identityErrors.create('REQUEST_NOT_CANONICAL', 'a signed request has a type and a nonce');
  }
  if (typeof ts !== 'number' || !Number.isSafeInteger(ts)) {
    throw identityErrors.create('REQUEST_NOT_CANONICAL', 'a signed request has a time in whole unix seconds');
  }
  const field = actingNodeField(type);
  const acting = field === undefined ? 0 : request[field];
  const actingNodeId = typeof acting === 'number' ? acting : 0;
  const digest = createHash('sha256').update(canonicalObject(request, UNCOVERED)).digest('hex');
  return `pilot-reg-v2|${type}|${actingNodeId}|${ts}|${nonce}|${digest}`;
}

/** The request with `ts`, `nonce` and `signature_v2` added. Throws REQUEST_NOT_CANONICAL. */
export function signRequest<Request extends RequestFields>(
  identity: Identity,
  request: Request,
  stamp: { readonly unixSeconds: number; readonly nonce: string },
): Request & { ts: number; nonce: string; signature_v2: string } {
  const stamped = { ...request, ts: stamp.unixSeconds, nonce: stamp.nonce };
  return { ...stamped, signature_v2: identity.sign(requestSignatureText(stamped)) };
}
