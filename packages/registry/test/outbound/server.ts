import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemTimers } from '@muster/core';
import { Destinations, SafeFetcher } from '../../src/outbound/index.ts';
import type { SafeFetcherOptions } from '../../src/outbound/index.ts';

/** A server on loopback for one test. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Connections accepted so far. */
  connections(): number;
}

async function listen(server: Server, scheme: string): Promise<TestServer> {
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function serve(handler: RequestListener): Promise<TestServer> {
  return listen(createServer(handler), 'http');
}

export async function serveTls(handler: RequestListener, key: string, cert: string): Promise<TestServer> {
  return listen(createTlsServer({ key, cert }, handler), 'https');
}

/** A server that answers every request with this value as JSON. */
export async function serveJson(value: unknown, status = 200): Promise<TestServer> {
  return serve((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  });
}

/** A fetcher that may reach loopback. */
export function loopbackFetcher(options: Partial<SafeFetcherOptions> = {}): SafeFetcher {
  return new SafeFetcher({
    timers: systemTimers,
    destinations: Destinations.allowing(['127.0.0.0/8']),
    ...options,
  });
}
