/** Getting a Bearer token (coordination spec 15.3). The token service is named by the registry's challenge. */

import type { AddressKind } from './addresses.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { factsOfStatus, RequestFailure } from './failure.ts';
import { type OriginHttp, type OriginReply, TRANSIENT } from './http.ts';
import { sendFollowing } from './redirects.ts';
import type { IssuedToken } from './token-cache.ts';

/** Longest answer of a token service that is read, in bytes. */
export const MAX_TOKEN_ANSWER_BYTES = 262_144;

/** What can stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

export interface TokenRequest {
  /** The endpoint of the registry: an https one may not send us, and our credentials, to plain http. */
  readonly endpoint: URL;
  readonly realm: string | undefined;
  readonly service: string | undefined;
  readonly scope: string;
  readonly credentials: Credentials | undefined;
  /** The network of the registry that has named the realm. */
  readonly namedFrom: AddressKind;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** The URL of a token request: the realm with its query, and `service` and `scope`. Throws {@link RequestFailure}. */
export function tokenUrl(request: Pick<TokenRequest, 'endpoint' | 'realm' | 'service' | 'scope'>): URL {
  const url = URL.parse(request.realm ?? '');
  const isHttp =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && request.endpoint.protocol === 'http:');
  if (url === null || !isHttp || url.username !== '' || url.password !== '') {
    throw new RequestFailure(TRANSIENT, 'the registry names no usable token service');
  }
  const query = new URLSearchParams();
  if (request.service !== undefined) query.set('service', request.service);
  query.set('scope', request.scope);
  url.search = url.search === '' ? `?${query}` : `${url.search}&${query}`;
  url.hash = '';
  return url;
}

/** Asks the token service. Rejects {@link RequestFailure} with the class of the table in 15.3. */
export async function requestToken(
  http: OriginHttp,
  request: TokenRequest,
  now: () => number,
): Promise<IssuedToken> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': request.userAgent,
  };
  if (request.credentials !== undefined) headers['authorization'] = basicAuthorization(request.credentials);
  const { reply } = await sendFollowing(http, {
    method: 'GET',
    url: tokenUrl(request),
    headers,
    namedFrom: request.namedFrom,
    signal: request.signal,
  });
  if (reply.status !== 200) {
    reply.discard();
    const facts = factsOfStatus(reply.status, reply.header('retry-after'), now());
    // A token service that is not there says nothing about the object.
    throw new RequestFailure(
      facts.failureClass === 'not_found' ? { ...facts, failureClass: 'transient' } : facts,
      `the token service answered ${reply.status}`,
    );
  }
  return parseIssuedToken(await readText(reply, MAX_TOKEN_ANSWER_BYTES));
}

/** Reads a token service's answer. Throws {@link RequestFailure}, which does not repeat any of it. */
export function parseIssuedToken(text: string): IssuedToken {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (typeof answer !== 'object' || answer === null) {
    throw new RequestFailure(TRANSIENT, 'the answer of the token service is no JSON object');
  }
  const {
    token,
    access_token: accessToken,
    expires_in: expiresIn,
  } = answer as Readonly<Record<string, unknown>>;
  const value = typeof token === 'string' && token !== '' ? token : accessToken;
  if (typeof value !== 'string' || !TOKEN.test(value)) {
    throw new RequestFailure(TRANSIENT, 'the answer of the token service has no usable token');
  }
  return { token: value, expiresInS: typeof expiresIn === 'number' ? expiresIn : undefined };
}

async function readText(reply: OriginReply, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of reply.body) {
    length += chunk.length;
    if (length > maxBytes)
      throw new RequestFailure(TRANSIENT, `the answer of the token service exceeds ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}
