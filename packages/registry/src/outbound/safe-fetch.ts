/**
 * HTTP requests to places that others name (B-12): webhooks, identity providers, exports.
 *
 * Fault model: the URL, the name server of its host and the server that answers may all be hostile. A request goes only
 * to an address that was checked, and to that very address, so that a name that changes its mind after the check gains
 * nothing. Redirects are reported, not followed. The reply is bounded in size and, with resolving and connecting, in
 * time; the number of requests at one time is bounded too.
 */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Timers } from '@muster/core';
import { parseIp } from '../admission/ip-address.ts';
import { Destinations } from './destinations.ts';
import { outboundErrors } from './errors.ts';
import { systemResolver } from './resolver.ts';
import type { Resolver } from './resolver.ts';
import { isMetadataHost } from './url-rules.ts';

/** Addresses of one host that are tried, one after the other, until one takes the connection. */
const MAX_ADDRESSES_TRIED = 4;

/** What a {@link SafeFetcher} needs and how it is bounded. */
export interface SafeFetcherOptions {
  readonly timers: Timers;
  /** @default the host's resolver */
  readonly resolve?: Resolver;
  /** @default the public Internet only */
  readonly destinations?: Destinations;
  /** Requests at one time; more are refused as `outbound_busy`. @default 64 */
  readonly maxConcurrentRequests?: number;
  /** PEM certificates to trust instead of the runtime's. */
  readonly ca?: string;
}

/** One request. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** From the call to the last byte of the reply. */
  readonly timeoutMs: number;
  readonly maxReplyBytes: number;
}

/** A complete reply. A redirect (3xx) is a reply like any other. */
export interface OutboundReply {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/** Makes requests: see the head of this file for what it promises. */
export class SafeFetcher {
  readonly maxConcurrentRequests: number;
  readonly #timers: Timers;
  readonly #resolve: Resolver;
  readonly #destinations: Destinations;
  readonly #ca: string | undefined;
  #running = 0;

  constructor(options: SafeFetcherOptions) {
    this.maxConcurrentRequests = options.maxConcurrentRequests ?? 64;
    this.#timers = options.timers;
    this.#resolve = options.resolve ?? systemResolver();
    this.#destinations = options.destinations ?? Destinations.publicOnly;
    this.#ca = options.ca;
  }

  /** Requests in progress. */
  get running(): number {
    return this.#running;
  }

  /**
   * Makes a request and gives the complete reply, whatever its status.
   *
   * @throws `invalid_url`, `destination_denied`, `resolve_failed`, `request_failed`, `request_timeout`,
   * `reply_too_large`, `outbound_busy`
   */
  async fetch(request: OutboundRequest): Promise<OutboundReply> {
    if (this.#running >= this.maxConcurrentRequests) {
      throw outboundErrors.create('outbound_busy', 'too many outbound requests');
    }
    this.#running++;
    const abort = new AbortController();
    const timer = this.#timers.after(request.timeoutMs, () => {
      const text = `no complete reply within ${request.timeoutMs} ms`;
      abort.abort(outboundErrors.create('request_timeout', text));
    });
    try {
      return await this.#fetchWithin(request, abort.signal);
    } finally {
      timer.cancel();
      this.#running--;
    }
  }

  async #fetchWithin(request: OutboundRequest, signal: AbortSignal): Promise<OutboundReply> {
    const url = parseHttpUrl(request.url);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const addresses = await this.#addressesOf(host, signal);
    let failure: unknown;
    for (const address of addresses.slice(0, MAX_ADDRESSES_TRIED)) {
      try {
        return await this.#exchange(request, url, host, address, signal);
      } catch (error) {
        if (!(error instanceof ConnectFailure)) throw error;
        failure = error.cause;
      }
    }
    throw requestFailed(failure);
  }

  /** The checked addresses of a host. One that is denied condemns the name: it is not to be trusted. */
  async #addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const listed = this.#destinations.allowsHost(host);
    if (!listed && isMetadataHost(host)) throw denied(host, 'cloud metadata service');
    const literal = parseIp(host) !== undefined;
    const addresses = literal ? [host] : await unlessAborted(this.#resolveHost(host), signal);
    for (const address of addresses) {
      const denial = listed ? undefined : this.#destinations.denial(address);
      if (denial !== undefined) throw denied(host, denial);
    }
    return addresses;
  }

  async #resolveHost(host: string): Promise<readonly string[]> {
    let addresses: readonly string[];
    try {
      addresses = await this.#resolve(host);
    } catch (cause) {
      throw outboundErrors.create('resolve_failed', `cannot resolve ${host}`, { cause });
    }
    if (addresses.length === 0) throw outboundErrors.create('resolve_failed', `${host} has no address`);
    return addresses;
  }

  async #exchange(
    request: OutboundRequest,
    url: URL,
    host: string,
    address: string,
    signal: AbortSignal,
  ): Promise<OutboundReply> {
    const secure = url.protocol === 'https:';
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const options: RequestOptions & { servername?: string; ca?: string } = {
      method: request.method,
      // The address that was checked, and no name: nothing is resolved again.
      host: address,
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: headersOf(request, url, body),
      signal,
      agent: false,
      maxHeaderSize: 16_384,
    };
    // The certificate must be the name's, not the address's. Addresses have no server name indication.
    if (parseIp(host) === undefined) options.servername = host.replace(/\.$/, '');
    if (this.#ca !== undefined) options.ca = this.#ca;
    const outgoing = secure ? httpsRequest(options) : httpRequest(options);
    const incoming = await replyOf(outgoing, body, signal);
    return {
      status: incoming.statusCode ?? 0,
      contentType: incoming.headers['content-type'],
      body: await readBody(incoming, request.maxReplyBytes, signal),
    };
  }
}

/** No connection came about, so that another address of the host may be tried. */
class ConnectFailure extends Error {}

async function replyOf(
  outgoing: ClientRequest,
  body: Buffer | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let connected = false;
    outgoing.on('socket', (socket) => socket.once('connect', () => (connected = true)));
    outgoing.once('response', resolve);
    // The listener stays: an error after the response must not become an uncaught one.
    outgoing.on('error', (error) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (connected) reject(requestFailed(error));
      else reject(new ConnectFailure('no connection', { cause: error }));
    });
    outgoing.end(body);
  });
}

async function readBody(incoming: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) {
        throw outboundErrors.create('reply_too_large', `reply is larger than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw length > maxBytes ? error : requestFailed(error);
  } finally {
    // The socket serves one request; what a hostile server still sends is not read.
    incoming.destroy();
  }
  return Buffer.concat(chunks, length);
}

function headersOf(request: OutboundRequest, url: URL, body: Buffer | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    host: url.host,
    // No compression: a small reply must not unpack into a large one.
    'accept-encoding': 'identity',
    'user-agent': 'muster-registry',
    ...request.headers,
  };
  if (body !== undefined) headers['content-length'] = String(body.length);
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
    headers['authorization'] ??= `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  return headers;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseHttpUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw outboundErrors.create('invalid_url', 'not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw outboundErrors.create('invalid_url', 'URL must use http or https');
  }
  return url;
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function denied(host: string, kind: string): Error {
  return outboundErrors.create('destination_denied', `${host} is or resolves to a ${kind} address`, {
    details: { host, kind },
  });
}

function requestFailed(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return outboundErrors.create('request_failed', `request failed: ${reason}`, { cause });
}
