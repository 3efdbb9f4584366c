/**
 * Requests to one registry with what it asks of its clients: tokens or a password, a pace, a second try when nobody answered
 * (coordination spec 15.2, 15.3, 15.5).
 *
 * Fault model: the registry, and whoever its challenges and redirects name, may answer anything. Credentials go to the
 * registry's own scheme, host and port and to the token service that it names, never further, and a refusal is answered once.
 */

import type { Clock, Logger, Timers } from '@muster/core';
import { within } from '../within.ts';
import type { AddressKind } from './addresses.ts';
import { basicAuthorization, type CredentialsSource, NO_CREDENTIALS } from './credentials.ts';
import { RequestFailure } from './failure.ts';
import { ConnectFailure, type OriginHttp, type OriginReply, TRANSIENT } from './http.ts';
import { RequestRate } from './rate-limit.ts';
import { sendFollowing } from './redirects.ts';
import { TokenCache } from './token-cache.ts';
import { requestToken } from './token-request.ts';
import { type Challenge, chooseChallenge } from './www-authenticate.ts';

const CONNECT_RETRY_MS = 500;
/** A token request in all, redirects and body included. */
const TOKEN_BUDGET_MS = 30_000;
const MAX_SCOPES = 1_024;

export interface OriginClientOptions {
  /** Of the registry, as {@link parseEndpoint} gives it. */
  readonly endpoint: URL;
  readonly http: OriginHttp;
  /** @default none */
  readonly credentials?: CredentialsSource;
  /** 0 is no limit. */
  readonly maxRequestsPerSecond: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** `muster/<version>` */
  readonly userAgent: string;
}

export interface ContentRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly accept: string;
  /** The token scope, as long as the registry has not asked for another one. */
  readonly scope: string;
  /** First byte that is wanted. */
  readonly offset: number;
  readonly signal: AbortSignal;
}

interface Authorization {
  readonly header: string;
  /** The token in it, when it is one. */
  readonly token?: { readonly scope: string; readonly value: string };
}

interface TokenService {
  readonly realm: string | undefined;
  readonly service: string | undefined;
  readonly namedFrom: AddressKind;
}

/** A client of one registry. */
export class OriginClient {
  readonly #options: OriginClientOptions;
  readonly #credentials: CredentialsSource;
  readonly #rate: RequestRate;
  readonly #tokens: TokenCache;
  /** Scopes that the registry has asked for instead of ours. */
  readonly #scopes = new Map<string, string>();
  #usesBasic = false;
  #tokenService: TokenService | undefined;

  constructor(options: OriginClientOptions) {
    this.#options = options;
    this.#credentials = options.credentials ?? NO_CREDENTIALS;
    this.#rate = new RequestRate(options.maxRequestsPerSecond);
    this.#tokens = new TokenCache(() => options.clock.monotonic());
  }

  /**
   * Sends a request and gives the last answer, whatever its status. Rejects {@link RequestFailure} when there is none, when
   * no token can be had, and when the registry refuses us twice; and with the reason of the signal.
   */
  async request(request: ContentRequest): Promise<OriginReply> {
    const first = await this.#known(request.scope);
    const { reply, isFromOrigin } = await this.#send(request, first);
    if (reply.status !== 401) return reply;
    reply.discard();
    if (!isFromOrigin) throw refused('the target of a redirect refuses the request');
    if (first?.token !== undefined) this.#tokens.drop(first.token.scope, first.token.value);
    if (await this.#credentials.refused()) this.#tokens.clear();

    const second = await this.#answer(chooseChallenge(reply.challenges), reply.remoteKind, request);
    if (second === undefined) throw refused('the registry asks for credentials, and there are none');
    if (second.header === first?.header) throw refused('the registry refuses the credentials');
    const again = await this.#send(request, second);
    if (again.reply.status !== 401) return again.reply;
    again.reply.discard();
    throw refused('the registry refuses the credentials');
  }

  /** Gets a token for the scope when the registry is known to want one. Never rejects. */
  async prepare(scope: string, signal: AbortSignal): Promise<void> {
    const service = this.#tokenService;
    if (service === undefined) return;
    try {
      await this.#token(service, this.#scopes.get(scope) ?? scope, signal);
    } catch (error) {
      this.#options.logger.debug({ subsystem: 'origin', err: error }, 'no token could be had beforehand');
    }
  }

  async #known(scope: string): Promise<Authorization | undefined> {
    const asked = this.#scopes.get(scope) ?? scope;
    const value = this.#tokens.get(asked);
    if (value !== undefined) return bearer(asked, value);
    return this.#usesBasic ? this.#basic() : undefined;
  }

  async #basic(): Promise<Authorization | undefined> {
    const credentials = await this.#credentials.current();
    return credentials === undefined ? undefined : { header: basicAuthorization(credentials) };
  }

  async #answer(
    challenge: Challenge | undefined,
    remoteKind: AddressKind,
    request: ContentRequest,
  ): Promise<Authorization | undefined> {
    this.#usesBasic = challenge?.scheme === 'basic';
    if (challenge?.scheme !== 'bearer') return this.#basic();
    const { realm, service, scope: asked } = challenge.parameters;
    const scope = asked === undefined || asked === '' ? request.scope : asked;
    this.#rememberScope(request.scope, scope);
    this.#tokenService = { realm, service, namedFrom: remoteKind };
    return bearer(scope, await this.#token(this.#tokenService, scope, request.signal));
  }

  #rememberScope(ours: string, asked: string): void {
    this.#scopes.delete(ours);
    if (asked === ours) return;
    const oldest = this.#scopes.keys().next();
    if (this.#scopes.size >= MAX_SCOPES && oldest.done !== true) this.#scopes.delete(oldest.value);
    this.#scopes.set(ours, asked);
  }

  async #token(service: TokenService, scope: string, signal: AbortSignal): Promise<string> {
    // The fetch is shared, so it must not end with the one who happened to come first.
    const fetch = this.#tokens.obtain(scope, async () => {
      try {
        return await this.#fetchToken(service, scope);
      } catch (error) {
        const isRefused = error instanceof RequestFailure && error.facts.failureClass === 'auth';
        if (!isRefused || !(await this.#credentials.refused())) throw error;
        return this.#fetchToken(service, scope);
      }
    });
    return unlessAborted(fetch, signal);
  }

  async #fetchToken(service: TokenService, scope: string): ReturnType<typeof requestToken> {
    const { endpoint, clock, timers, userAgent } = this.#options;
    const credentials = await this.#credentials.current();
    try {
      return await within(timers, TOKEN_BUDGET_MS, undefined, async (signal) => {
        const request = { ...service, endpoint, scope, credentials, userAgent, signal };
        return requestToken(this.#retrying(), request, () => clock.now());
      });
    } catch (error) {
      if (error instanceof RequestFailure) throw error;
      throw new RequestFailure(TRANSIENT, 'the token service did not answer in time', error);
    }
  }

  async #send(
    request: ContentRequest,
    authorization: Authorization | undefined,
  ): ReturnType<typeof sendFollowing> {
    const { clock, timers, userAgent } = this.#options;
    const { method, url, signal } = request;
    const waitMs = this.#rate.take(clock.monotonic());
    if (waitMs === undefined) {
      const facts = { failureClass: 'rate_limited', isLocal: true } as const;
      throw new RequestFailure(facts, 'too many requests wait for their turn at the origin');
    }
    if (waitMs > 0) await timers.sleep(waitMs, signal);
    const headers: Record<string, string> = {
      accept: request.accept,
      // Ranges and lengths are those of the object itself.
      'accept-encoding': 'identity',
      'user-agent': userAgent,
    };
    if (request.offset > 0) headers['range'] = `bytes=${request.offset}-`;
    if (authorization !== undefined) headers['authorization'] = authorization.header;
    return sendFollowing(this.#retrying(), { method, url, headers, signal });
  }

  /** One more try, for all hops of a request together, when nobody answered. */
  #retrying(): OriginHttp {
    const { http, timers } = this.#options;
    let hasRetried = false;
    return async (request) => {
      try {
        return await http(request);
      } catch (error) {
        if (hasRetried || !(error instanceof ConnectFailure)) throw error;
        hasRetried = true;
        await timers.sleep(CONNECT_RETRY_MS, request.signal);
        return http(request);
      }
    };
  }
}

function bearer(scope: string, value: string): Authorization {
  return { header: `Bearer ${value}`, token: { scope, value } };
}

function refused(message: string): RequestFailure {
  return new RequestFailure({ failureClass: 'auth', status: 401 }, message);
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    aborted.catch(() => {});
  }
}
