/**
 * The endpoint from which other nodes copy (coordination spec 14).
 *
 * Fault model: anybody who reaches the port may ask for anything, slowly, or often, or for nonsense. Only parsed digests
 * reach the store; headers are bounded in size and time, bodies in number, and a reader that takes nothing is cut off.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer as createHttp1, type Server as Http1Server } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { TransferHandler, type TransferParts } from './transfer-handler.ts';
import { SharedPort } from './shared-port.ts';

const HEADER_MS = 5_000;
/** Longer than clients keep idle connections, so that they and not we close them. */
const KEEP_ALIVE_MS = 95_000;
const MAX_HEADER_BYTES = 32_768;
const MAX_CONNECTIONS = 4096;
const STREAM_WINDOW = 8_388_608;
const CONNECTION_WINDOW = 33_554_432;
const MAX_STREAMS = 250;

export interface TransferServerOptions {
  readonly host: string;
  readonly port: number;
  /** The shared secret of `Gantry-Token`; without it nobody is asked for one. */
  readonly token?: string;
}

export class TransferServer {
  readonly #handler: TransferHandler;
  readonly #port: SharedPort;
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #options: TransferServerOptions;

  constructor(parts: TransferParts, options: TransferServerOptions) {
    this.#options = options;
    this.#handler = new TransferHandler(parts, tokenCheck(options.token));
    this.#http1 = createHttp1(
      {
        headersTimeout: HEADER_MS,
        requestTimeout: HEADER_MS,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (request, response) => void this.#handler.handle(request, response),
    );
    this.#http2 = createHttp2(
      {
        settings: { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: MAX_STREAMS },
        maxHeaderListPairs: 64,
      },
      (request, response) => void this.#handler.handle(request, response),
    );
    // It never listens itself, and would look after the times of its connections only from then on.
    this.#http1.emit('listening');
    this.#http2.on('session', (session) => this.#adopt(session));
    // Both servers only get connections handed; errors of those are the connections' end.
    this.#http1.on('clientError', (_error, socket) => socket.destroy());
    this.#http2.on('sessionError', () => {});
    this.#port = new SharedPort({
      http1: this.#http1,
      http2: this.#http2,
      timers: parts.timers,
      maxConnections: MAX_CONNECTIONS,
    });
  }

  /** Bodies that are being sent and count against the limit. */
  get activeServes(): number {
    return this.#handler.activeServes;
  }

  /** Rejects when the address cannot be bound. */
  async listen(): Promise<AddressInfo> {
    return this.#port.listen(this.#options.host, this.#options.port);
  }

  /** Accepts nothing more and lets running answers finish, for at most `budgetMs` milliseconds. */
  async close(timers: TransferParts['timers'], budgetMs: number): Promise<void> {
    this.#handler.stop();
    const stopped = this.#port.stop();
    for (const session of this.#sessions) session.close();
    this.#http1.closeIdleConnections();
    const timer = timers.after(budgetMs, () => this.#port.destroyAll());
    const idle = timers.every(100, () => this.#http1.closeIdleConnections());
    await stopped;
    timer.cancel();
    idle.cancel();
    // Not listening itself; this ends its timer that looks for late requests.
    this.#http1.close();
  }

  #adopt(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => {});
    session.setTimeout(KEEP_ALIVE_MS, () => session.close());
    session.setLocalWindowSize(CONNECTION_WINDOW);
  }
}

/** Compares in constant time; hashing first makes the lengths equal. */
function tokenCheck(token: string | undefined): (given: string | undefined) => boolean {
  if (token === undefined) return () => true;
  const expected = createHash('sha256').update(token).digest();
  return (given) =>
    timingSafeEqual(
      createHash('sha256')
        .update(given ?? '')
        .digest(),
      expected,
    );
}
