/**
 * One TCP port for HTTP/1.1 and for HTTP/2 without TLS by prior knowledge (coordination spec 14.1).
 *
 * Fault model: strangers connect and say nothing, or one byte a minute, or garbage. Until it is known what a connection speaks it
 * costs a socket and up to 24 bytes, for five seconds at most; connections are bounded in number.
 */

import type { Server as HttpServer } from 'node:http';
import type { Http2Server } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Timers } from '@muster/core';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** What tells HTTP/2 from a request of HTTP/1. */
const DECISIVE = PREFACE.subarray(0, 14);
const DECIDE_MS = 5_000;

export interface SharedPortOptions {
  readonly http1: HttpServer;
  readonly http2: Http2Server;
  readonly timers: Pick<Timers, 'after'>;
  readonly maxConnections: number;
}

export class SharedPort {
  readonly #options: SharedPortOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: SharedPortOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.maxConnections;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Rejects when the address cannot be bound. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  /** Accepts nothing more; resolves when all connections have ended. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const timer = this.#options.timers.after(DECIDE_MS, () => socket.destroy());
    let seen: Buffer = Buffer.alloc(0);
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, DECISIVE.length);
      const isSame = seen.subarray(0, length).equals(DECISIVE.subarray(0, length));
      if (isSame && length < DECISIVE.length) return;
      timer.cancel();
      socket.off('readable', look);
      socket.off('close', cancel);
      socket.unshift(seen);
      this.#handOver(socket, isSame);
    };
    const cancel = (): void => timer.cancel();
    socket.once('close', cancel);
    socket.on('readable', look);
  }

  #handOver(socket: Socket, isHttp2: boolean): void {
    const { http1, http2 } = this.#options;
    (isHttp2 ? http2 : http1).emit('connection', socket);
    // The listener for `readable` has left the stream paused.
    if (!isHttp2) socket.resume();
  }
}
