/**
 * The listener for monitoring and probes (coordination spec 20.2).
 *
 * Fault model: anybody who reaches the port may ask, often, slowly, or for nonsense. Answers are short or bounded, connections
 * and headers as well; what shows digests and addresses is for this machine only.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Logger, METRICS_CONTENT_TYPE, type Timers } from '@muster/core';
import { parseDigest } from '../../digest.ts';
import { isLoopback } from '../../mirror/loopback.ts';
import type { Digest } from '../../types.ts';
import type { Readiness } from '../readiness.ts';
import { PullStream, type PullsSource } from './pull-stream.ts';

const HEADER_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_CONNECTIONS = 256;
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain; charset=utf-8';

export interface OpsSource {
  readiness(): Readiness;
  metrics(): Promise<string>;
  /** A snapshot of the agent; with a digest, also who is asked for it. */
  debugState(digest: Digest | undefined): object;
  readonly pulls: PullsSource;
}

export interface OpsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly source: OpsSource;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class OpsServer {
  readonly #options: OpsServerOptions;
  readonly #server: Server;
  readonly #pulls: PullStream;

  constructor(options: OpsServerOptions) {
    this.#options = options;
    this.#pulls = new PullStream(options.source.pulls, options.timers);
    this.#server = createServer(
      {
        headersTimeout: HEADER_MS,
        requestTimeout: HEADER_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Rejects when the address cannot be bound. */
  async listen(): Promise<AddressInfo> {
    const { host, port, logger } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => logger.warn({ err: error }, 'the listener for monitoring'));
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  /** Ends it at once: answers are short. */
  async close(): Promise<void> {
    this.#pulls.stop();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    request.resume();
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'a request of monitoring failed');
      if (!response.headersSent) answer(response, 500, TEXT, 'internal error');
      else response.destroy();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { source } = this.#options;
    const url = URL.parse(request.url ?? '', 'http://localhost');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return answer(response, 405, TEXT, 'method not allowed');
    }
    switch (url?.pathname) {
      case '/livez':
        return answer(response, 200, TEXT, 'ok');
      case '/readyz':
      case '/healthz': {
        const { reason } = source.readiness();
        const good = url.pathname === '/readyz' ? 'ready' : 'ok';
        return answer(response, reason === undefined ? 200 : 503, TEXT, reason ?? good);
      }
      case '/metrics':
        return answer(response, 200, METRICS_CONTENT_TYPE, await source.metrics());
      case '/debug/state':
        return this.#debugState(request, response, url.searchParams.get('digest'));
      case '/pulls':
        if (!isLocal(request)) return answer(response, 403, TEXT, 'on this machine only');
        return answer(response, 200, JSON_TYPE, `${JSON.stringify(source.pulls.report())}\n`);
      case '/events':
        return this.#events(request, response);
      default:
        return answer(response, 404, TEXT, 'not found');
    }
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    if (!isLocal(request)) return answer(response, 403, TEXT, 'on this machine only');
    if (request.method === 'HEAD') return answer(response, 200, 'text/event-stream; charset=utf-8', '');
    if (!this.#pulls.add(response)) answer(response, 503, TEXT, 'too many readers of events');
  }

  #debugState(request: IncomingMessage, response: ServerResponse, text: string | null): void {
    if (!isLocal(request)) return answer(response, 403, TEXT, 'on this machine only');
    let digest: Digest | undefined;
    try {
      digest = text === null ? undefined : parseDigest(text);
    } catch {
      return answer(response, 400, TEXT, 'invalid digest');
    }
    const body = JSON.stringify(this.#options.source.debugState(digest), undefined, 2);
    answer(response, 200, JSON_TYPE, `${body}\n`);
  }
}

/** The name as well as the address: a page of another site must not read it by way of a name of its own. */
function isLocal(request: IncomingMessage): boolean {
  return isLoopback(request.socket.remoteAddress ?? '') && isLoopback(hostOf(request));
}

function hostOf(request: IncomingMessage): string {
  const { host = '' } = request.headers;
  return host.replace(/:\d+$/, '');
}

function answer(response: ServerResponse, status: number, contentType: string, body: string): void {
  const isHead = response.req.method === 'HEAD';
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(isHead ? undefined : body);
}
