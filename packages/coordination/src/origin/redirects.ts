import type { AddressKind } from './addresses.ts';
import { RequestFailure } from './failure.ts';
import { type OriginHttp, type OriginReply, type OriginRequest, TRANSIENT } from './http.ts';

/** Redirects that are followed for one request (coordination spec 15.2). */
export const MAX_REDIRECTS = 5;

const MAX_LOCATION_LENGTH = 16_384;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** An answer that is no redirect. */
export interface FinalReply {
  readonly reply: OriginReply;
  /** False when another scheme, host or port has given it, which gets no credentials and is owed no belief in its challenges. */
  readonly isFromOrigin: boolean;
}

/**
 * Sends a request and follows redirects. `Authorization` goes no further than the first scheme, host and port, and once left
 * out it stays out; all other headers, `Range` among them, are sent to every target. Rejects {@link RequestFailure}.
 */
export async function sendFollowing(http: OriginHttp, request: OriginRequest): Promise<FinalReply> {
  let current = request;
  let from: AddressKind | undefined = request.namedFrom;
  let isFromOrigin = true;
  for (let hops = 0; ; hops++) {
    const reply = await http(current);
    const location = REDIRECTS.has(reply.status) ? reply.header('location') : undefined;
    if (location === undefined) return { reply, isFromOrigin };
    reply.discard();
    if (hops >= MAX_REDIRECTS) throw new RequestFailure(TRANSIENT, `more than ${MAX_REDIRECTS} redirects`);
    from ??= reply.remoteKind;
    const url = redirectTarget(current.url, location);
    isFromOrigin &&= url.origin === request.url.origin;
    current = {
      ...request,
      url,
      headers: isFromOrigin ? request.headers : withoutAuthorization(request.headers),
      namedFrom: from,
    };
  }
}

/** Where a redirect leads. Throws {@link RequestFailure} for what is no http or https URL, or carries a user. */
export function redirectTarget(from: URL, location: string): URL {
  const url = location.length > MAX_LOCATION_LENGTH ? null : URL.parse(location, from);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isHttp || url.username !== '' || url.password !== '') {
    // Not repeated: targets are often signed URLs.
    throw new RequestFailure(TRANSIENT, 'a redirect leads to what is no plain http or https URL');
  }
  url.hash = '';
  return url;
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
}
