/**
 * The status endpoint of a daemon (discovery spec section 29).
 *
 * Fault model: callers are programs of this machine, or browsers that a strange site leads here. It listens on a loopback
 * address only, asks for a Host header that names this machine, refuses what other sites cause, reads nothing but the
 * request line and headers, and changes nothing. Connections, streams, queries, sizes and times are bounded (limits.ts).
 * Answers say nothing of the program's inner errors.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SearchLog } from '../observability/search-log.ts';
import { answerOf, statusErrors } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { requireLocalRequest } from './guards.ts';
import {
  MAX_QUERIES,
  MAX_STATUS_CONNECTIONS,
  MAX_STATUS_HEADER_BYTES,
  STATUS_KEEP_ALIVE_MS,
  STATUS_REQUEST_TIMEOUT_MS,
} from './limits.ts';
import { QuerySlots } from './query-slots.ts';
import { type Reply, routeOf } from './routes.ts';
import type { StatusSource } from './status-source.ts';

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Serves the status of one daemon over HTTP. */
export class StatusServer {
  readonly #source: StatusSource;
  readonly #server: Server;
  readonly #searches: SearchLog;
  readonly #events: EventStream;
  readonly #queries = new QuerySlots(MAX_QUERIES);
  readonly #stopping = new AbortController();

  constructor(source: StatusSource) {
    const { events, clock, timers } = source.context;
    this.#source = source;
    this.#searches = new SearchLog(events, () => clock.now());
    this.#events = new EventStream({ events, clock, timers, run: source.startedAt.toString(36) });
    this.#server = createServer(
      {
        maxHeaderSize: MAX_STATUS_HEADER_BYTES,
        headersTimeout: STATUS_REQUEST_TIMEOUT_MS,
        requestTimeout: STATUS_REQUEST_TIMEOUT_MS,
        keepAliveTimeout: STATUS_KEEP_ALIVE_MS,
        connectionsCheckingInterval: STATUS_REQUEST_TIMEOUT_MS / 5,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_STATUS_CONNECTIONS;
  }

  /** Listens on 127.0.0.1; resolves with the address in use. Rejects with the system's error, such as EADDRINUSE. */
  async listen(port: number): Promise<{ readonly host: string; readonly port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const { address, port: inUse } = this.#server.address() as AddressInfo;
    return { host: address, port: inUse };
  }

  /** Ends event streams and searches and closes all connections. */
  async close(): Promise<void> {
    this.#stopping.abort(statusErrors.create('stopping', 'the process is stopping'));
    this.#events.stop();
    this.#searches.stop();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.on('error', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      requireLocalRequest(request);
      const reply = await this.#route(request, response, signal);
      if (reply !== undefined) send(request, response, reply);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const { status, body } = answerOf(
        this.#stopping.signal.aborted ? this.#stopping.signal.reason : error,
        this.#source.context.logger,
      );
      send(request, response, { status, body });
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<Reply | undefined> {
    const { path, query } = addressOf(request.url ?? '');
    const found = routeOf(path);
    if (found === undefined) throw statusErrors.create('not_found', 'there is nothing at this address');
    if (found.route.isStream === true && request.method !== 'GET') {
      throw statusErrors.create('method_not_allowed', 'use GET');
    }
    if (this.#stopping.signal.aborted) throw this.#stopping.signal.reason;
    const lastEventId = request.headers['last-event-id'];
    return await found.route.handle({
      source: this.#source,
      searches: this.#searches,
      events: this.#events,
      queries: this.#queries,
      response,
      query,
      rest: found.rest,
      lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
      signal,
    });
  }
}

/** Path and query of a request; the path decoded. Throws `bad_request`. */
function addressOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  try {
    return {
      path: decodeURIComponent(path),
      query: new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)),
    };
  } catch {
    throw statusErrors.create('bad_request', 'the address is not properly encoded');
  }
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const isText = typeof reply.body === 'string';
  const text = isText ? (reply.body as string) : `${JSON.stringify(reply.body)}\n`;
  const contentType =
    reply.contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8');
  response.writeHead(reply.status ?? 200, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
  });
  response.end(request.method === 'HEAD' ? '' : text);
}
