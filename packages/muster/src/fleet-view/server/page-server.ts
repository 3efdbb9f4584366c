/**
 * Serves the page of a fleet, and what it shows.
 *
 * Fault model: callers are browsers and terminals of this machine, and browsers that a strange site leads here. It listens on a
 * loopback address unless it is told otherwise, asks for a Host header that is meant for it, refuses what other sites cause,
 * reads nothing but the request line and headers, and changes nothing. Connections, readers, sizes and times are bounded
 * (limits.ts). What it shows holds no secrets, but says who is in the fleet and where.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Logger, MusterError } from '@muster/core';
import { PAGE_STATUS, pageErrors } from './errors.ts';
import type { FleetHub } from './fleet-hub.ts';
import { requireOwnRequest } from './guards.ts';
import {
  MAX_PAGE_CONNECTIONS,
  MAX_PAGE_HEADER_BYTES,
  PAGE_KEEP_ALIVE_MS,
  PAGE_REQUEST_TIMEOUT_MS,
} from './limits.ts';
import type { PageFile } from './page-files.ts';

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export interface PageServerOptions {
  readonly hub: FleetHub;
  /** Undefined: the page was not built. */
  readonly files: ReadonlyMap<string, PageFile> | undefined;
  /** Names beside those of loopback under which browsers may call it, in lower case, without ports. */
  readonly allowedHosts: ReadonlySet<string>;
  readonly logger: Logger;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export class PageServer {
  readonly #options: PageServerOptions;
  readonly #server: Server;

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_PAGE_HEADER_BYTES,
        headersTimeout: PAGE_REQUEST_TIMEOUT_MS,
        requestTimeout: PAGE_REQUEST_TIMEOUT_MS,
        keepAliveTimeout: PAGE_KEEP_ALIVE_MS,
        connectionsCheckingInterval: PAGE_REQUEST_TIMEOUT_MS / 5,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_PAGE_CONNECTIONS;
  }

  /** Resolves with the address in use. Rejects with the system's error, such as EADDRINUSE. */
  async listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#options.logger.warn({ error }, 'the listener of the page'));
        resolve();
      });
    });
    const { address, port: inUse } = this.#server.address() as AddressInfo;
    return { host: address, port: inUse };
  }

  /** Ends event streams and closes all connections. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      requireOwnRequest(request, this.#options.allowedHosts);
      const reply = this.#route(request, response);
      if (reply !== undefined) send(request, response, reply);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else send(request, response, this.#failure(error));
    }
  }

  /** Undefined: the response is written elsewhere. */
  #route(request: IncomingMessage, response: ServerResponse): Reply | undefined {
    const { hub } = this.#options;
    const path = pathOf(request.url ?? '');
    switch (path) {
      case '/api/fleet':
        return json(200, hub.snapshotText());
      case '/api/events': {
        if (request.method === 'HEAD') {
          return { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, body: '' };
        }
        const last = request.headers['last-event-id'];
        hub.follow(response, typeof last === 'string' ? last : undefined);
        return undefined;
      }
      case '/healthz':
        return json(200, JSON.stringify(this.#health()));
      default:
        if (path.startsWith('/api/peers/')) return this.#peer(path.slice('/api/peers/'.length));
        return this.#file(request, path);
    }
  }

  #peer(id: string): Reply {
    const found = this.#options.hub.model.peer(id);
    if (found === undefined) throw pageErrors.create('PAGE_NOT_FOUND', 'no such peer');
    return json(200, JSON.stringify(found));
  }

  #health(): object {
    const { hub } = this.#options;
    return {
      status: 'ok',
      page: this.#options.files !== undefined,
      readers: hub.readerCount,
      cut_off_readers: hub.cutOffReaders,
      ...hub.model.sizes,
    };
  }

  #file(request: IncomingMessage, path: string): Reply {
    const { files } = this.#options;
    if (files === undefined && path === '/') {
      throw pageErrors.create(
        'PAGE_NOT_BUILT',
        'the page has not been built: run `npm run build`; see /api/fleet',
      );
    }
    const file = files?.get(path);
    if (file === undefined) throw pageErrors.create('PAGE_NOT_FOUND', 'there is nothing at this address');
    const headers = {
      'content-type': file.contentType,
      'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: file.etag,
    };
    if (request.headers['if-none-match'] === file.etag) return { status: 304, headers, body: '' };
    return { status: 200, headers, body: file.body };
  }

  #failure(error: unknown): Reply {
    const status = error instanceof MusterError ? PAGE_STATUS[error.code] : undefined;
    if (error instanceof MusterError && status !== undefined) {
      const reply = json(status, JSON.stringify({ error: error.message, code: error.code }));
      return status === 405 ? { ...reply, headers: { ...reply.headers, allow: 'GET, HEAD' } } : reply;
    }
    this.#options.logger.error({ error }, 'a request of the page failed');
    return json(500, JSON.stringify({ error: 'internal error', code: 'INTERNAL' }));
  }
}

function json(status: number, text: string): Reply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: text };
}

/** The decoded path of an address. Throws PAGE_REQUEST. */
function pathOf(url: string): string {
  const mark = url.indexOf('?');
  try {
    return decodeURIComponent(mark === -1 ? url : url.slice(0, mark));
  } catch {
    throw pageErrors.create('PAGE_REQUEST', 'the address is not properly encoded');
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): void {
  const length = status === 304 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length });
  response.end(request.method === 'HEAD' || status === 304 ? undefined : body);
}
