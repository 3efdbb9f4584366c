/**
 * The registry that the container runtime of this node asks (coordination spec 13): HTTP/1.1 on loopback.
 *
 * Fault model: any process of this machine may connect, send nonsense, read slowly or not at all. Headers are bounded in size
 * and time, connections in number; repositories and digests are parsed before anything else sees them.
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { coordinationErrors } from '../../errors.ts';
import { isLoopback } from '../loopback.ts';
import { MirrorHandler, type MirrorParts } from './mirror-handler.ts';

const HEADER_MS = 5_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_HEADER_BYTES = 32_768;
const MAX_CONNECTIONS = 4096;

export interface MirrorServerOptions {
  readonly host: string;
  readonly port: number;
  readonly allowNonLoopback?: boolean;
}

export class MirrorServer {
  readonly #parts: MirrorParts;
  readonly #options: MirrorServerOptions;
  readonly #handler: MirrorHandler;
  readonly #server: Server;

  /** Throws MIRROR_NOT_LOOPBACK for a host that others can reach, unless that is allowed. */
  constructor(parts: MirrorParts, options: MirrorServerOptions) {
    if (options.allowNonLoopback !== true && !isLoopback(options.host)) {
      throw coordinationErrors.create(
        'MIRROR_NOT_LOOPBACK',
        `${options.host} can be reached by other machines`,
      );
    }
    this.#parts = parts;
    this.#options = options;
    this.#handler = new MirrorHandler(parts);
    this.#server = createServer(
      {
        headersTimeout: HEADER_MS,
        requestTimeout: HEADER_MS,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        noDelay: true,
      },
      (request, response) => void this.#handler.handle(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Rejects when the address cannot be bound. */
  async listen(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#parts.logger.warn({ err: error }, 'the mirror listener'));
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  /** Opens the startup gate: from now on content is served (20.3). */
  openGate(): void {
    this.#handler.openGate();
  }

  /** New requests are answered with 503 from now on; running ones go on (20.4). */
  drain(): void {
    this.#handler.drain();
  }

  /** Drains, accepts nothing more, and lets running answers finish, for at most `budgetMs` milliseconds. */
  async close(budgetMs: number): Promise<void> {
    const { timers } = this.#parts;
    this.drain();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = timers.after(budgetMs, () => this.#server.closeAllConnections());
    const idle = timers.every(100, () => this.#server.closeIdleConnections());
    await closed;
    timer.cancel();
    idle.cancel();
  }
}
