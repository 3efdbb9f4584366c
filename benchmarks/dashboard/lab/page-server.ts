/** A page server that says what it is told to: for tests and benchmarks of the page. */

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { type FleetDelta, type FleetSnapshot, pageFolder } from '@muster/dashboard';

/** The policy under which the page has to work. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** What the stream of events answers instead of events. */
export type Refusal = { readonly status: number } | undefined;

export class PageServer implements AsyncDisposable {
  /** What a new reader is sent first; undefined sends nothing, as a server that is slow to begin. */
  snapshot: (FleetSnapshot & Readonly<Record<string, unknown>>) | FleetSnapshot | undefined;
  /** While set, the stream of events is refused. */
  refusal: Refusal;
  /** How many streams were opened, refused ones too. */
  opened = 0;
  readonly #server: Server;
  readonly #readers = new Set<ServerResponse>();

  private constructor(snapshot: FleetSnapshot | undefined) {
    this.snapshot = snapshot;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(snapshot: FleetSnapshot | undefined, port = 0): Promise<PageServer> {
    const server = new PageServer(snapshot);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(port, '127.0.0.1', resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Sends a delta to all readers, and keeps nothing of it. */
  push(delta: FleetDelta): void {
    this.send(`event: delta\nid: ${delta.seq}\ndata: ${JSON.stringify(delta)}\n\n`);
  }

  /** Sends text as it is. */
  send(text: string): void {
    for (const reader of this.#readers) reader.write(text);
  }

  /** Cuts all streams off. */
  cut(): void {
    for (const reader of this.#readers) reader.destroy();
    this.#readers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/api/events') this.#events(response);
    else if (path === '/api/fleet') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.snapshot));
    } else await serveFile(path, response);
  }

  #events(response: ServerResponse): void {
    this.opened++;
    if (this.refusal !== undefined) {
      response.writeHead(this.refusal.status).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    this.#readers.add(response);
    response.once('close', () => this.#readers.delete(response));
    if (this.snapshot !== undefined)
      response.write(`event: snapshot\nid: ${this.snapshot.seq}\ndata: ${JSON.stringify(this.snapshot)}\n\n`);
  }
}

async function serveFile(path: string, response: ServerResponse): Promise<void> {
  const folder = pageFolder();
  const file = normalize(join(folder, path === '/' ? 'index.html' : path));
  if (!file.startsWith(folder + sep)) {
    response.writeHead(404).end();
    return;
  }
  try {
    const content = await readFile(file);
    response
      .writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'content-security-policy': POLICY,
        'x-content-type-options': 'nosniff',
      })
      .end(content);
  } catch {
    response.writeHead(404).end();
  }
}
