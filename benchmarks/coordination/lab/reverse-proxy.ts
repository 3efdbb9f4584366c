/** A reverse proxy before a real registry, which counts what passes. For tests and the laboratory. */

import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request as send, type Server } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counters, type CountersSummary, type DigestCounts } from './counters.ts';
import { drained } from './drained.ts';

export interface ReverseProxyOptions {
  /** `http://host:port` of the registry. */
  readonly target: string;
  readonly port?: number;
  /** Of all bodies together. @default no cap */
  readonly bytesPerSecond?: number;
}

/** Headers of one connection, not of the message. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host']);

export class ReverseProxy {
  readonly url: string;
  readonly port: number;
  bytesPerSecond: number;
  readonly #server: Server;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #counters = new Counters();
  #isDown = false;
  #sendAt = 0;

  private constructor(server: Server, { target, bytesPerSecond = 0 }: ReverseProxyOptions) {
    this.#server = server;
    this.#target = new URL(target);
    this.bytesPerSecond = bytesPerSecond;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    server.on('connection', (socket) => {
      if (this.#isDown) socket.destroy();
    });
    server.on('request', (request, response) => this.#forward(request, response));
  }

  static async start(options: ReverseProxyOptions): Promise<ReverseProxy> {
    const server = createServer();
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return new ReverseProxy(server, options);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close').catch(() => {});
  }

  /** Cuts all connections and takes no more; or takes them again. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) this.#server.closeAllConnections();
  }

  summary(): CountersSummary {
    return this.#counters.summary();
  }

  countsOf(digest: string): Readonly<DigestCounts> {
    return this.#counters.countsOf(digest);
  }

  reset(): void {
    this.#counters.reset();
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = request;
    const { pathname } = new URL(url, this.url);
    const counted = this.#counters.begin(method, pathname, headers['user-agent']);
    if (counted.digest !== '' && (method === 'GET' || method === 'HEAD')) {
      this.#counters.countsOf(counted.digest)[method === 'GET' ? 'get' : 'head'] += 1;
    }
    const forwarded = send({
      host: this.#target.hostname,
      port: this.#target.port,
      method,
      path: url,
      // The registry sees the name that the client used, so that places it names are those of the proxy.
      headers: { ...withoutHopByHop(headers), host: headers.host ?? '' },
      agent: this.#agent,
    });
    const giveUp = (): void =>
      void (response.headersSent ? response.destroy() : response.writeHead(502).end());
    forwarded.on('error', giveUp);
    forwarded.on('response', (answer) => {
      counted.answered(answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
      void this.#copy(answer, response, (bytes) => counted.sent(bytes)).catch(giveUp);
    });
    request.on('error', () => forwarded.destroy());
    response.on('error', () => forwarded.destroy());
    response.once('close', () => forwarded.destroy());
    request.pipe(forwarded);
  }

  async #copy(from: IncomingMessage, to: ServerResponse, sent: (bytes: number) => void): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      await this.#turn(chunk.length);
      if (to.destroyed) return;
      sent(chunk.length);
      if (!to.write(chunk)) await drained(to);
    }
    to.end();
  }

  async #turn(bytes: number): Promise<void> {
    if (this.bytesPerSecond <= 0) return;
    const now = performance.now();
    this.#sendAt = Math.max(now, this.#sendAt) + (bytes / this.bytesPerSecond) * 1_000;
    const waitMs = this.#sendAt - now;
    if (waitMs > 1) await new Promise<void>((resolve) => setTimeout(resolve, waitMs));
  }
}

function withoutHopByHop(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}
