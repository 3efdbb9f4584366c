import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import swagger from '@fastify/swagger';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { errorCode, type Logger } from '@muster/core';
import fastify, { type ConnectionError, type FastifyInstance, type FastifyReply } from 'fastify';
import { breakerRoutes } from './breaker-routes.ts';
import type { HttpDependencies } from './dependencies.ts';
import { answerOf } from './errors.ts';
import { eventRoutes } from './event-routes.ts';
import { figureRoutes } from './figure-routes.ts';
import { durabilityRoutes, fleetRoutes } from './fleet-routes.ts';
import {
  HTTP_HEADER_TIMEOUT_MS,
  HTTP_KEEP_ALIVE_MS,
  HTTP_REQUEST_TIMEOUT_MS,
  HTTP_TIMEOUT_CHECK_INTERVAL_MS,
  MAX_HTTP_BODY_BYTES,
  MAX_HTTP_CONNECTIONS,
  MAX_HTTP_HEADER_BYTES,
} from './limits.ts';
import { nodeRoutes } from './node-routes.ts';
import { probeRoutes } from './probe-routes.ts';
import { whitelistRoutes } from './whitelist-routes.ts';

/** Sent with every answer; a route that serves a page sets its own `content-security-policy`. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

function answerWith(reply: FastifyReply, error: unknown, logger: Logger): void {
  const { status, body } = answerOf(error, logger);
  void reply.code(status).headers(SECURITY_HEADERS).type('application/json; charset=utf-8').send(body);
}

/** Answers bytes that are no HTTP request, or one that is too long or too late, and closes the connection. */
function answerBrokenRequest(error: ConnectionError, socket: Socket): void {
  if (!socket.writable || errorCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_BROKEN_REQUEST[errorCode(error) ?? ''] ?? 400;
  const reason = STATUS_CODES[status] ?? '';
  const body = JSON.stringify({ error: `bad request: ${reason.toLowerCase()}`, code: 'bad_request' });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF_BROKEN_REQUEST: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

const ROUTES = [
  probeRoutes,
  breakerRoutes,
  whitelistRoutes,
  nodeRoutes,
  figureRoutes,
  fleetRoutes,
  durabilityRoutes,
  eventRoutes,
];

/** The HTTP interface of the registry. */
export interface HttpServer {
  /** The application, for tests and for adding routes before it listens. */
  readonly app: FastifyInstance;
  /** Starts to listen; resolves with the address in use. Port 0 = any free one. */
  listen(address: { readonly host: string; readonly port: number }): Promise<AddressInfo>;
  /** Answers what is under way, then closes all connections. */
  close(): Promise<void>;
}

/**
 * Makes the HTTP interface of spec section 14, as far as the registry's operation needs it: health, readiness, metrics,
 * breakers, whitelist, snapshots, figures, nodes, events, and the interface description at `/openapi.json`.
 *
 * Fault model: callers are strangers, browsers led by strangers, or holders of an admin token. Admin rights come from
 * the `X-Admin-Token` header alone, local rights from the socket alone. Sizes, times and connections are bounded
 * (`limits.ts`). Answers say nothing of the program or its inner errors.
 */
export async function createHttpServer(dependencies: HttpDependencies): Promise<HttpServer> {
  const { logger } = dependencies;
  const app = fastify({
    bodyLimit: MAX_HTTP_BODY_BYTES,
    requestTimeout: HTTP_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    trustProxy: false,
    http: {
      headersTimeout: HTTP_HEADER_TIMEOUT_MS,
      connectionsCheckingInterval: HTTP_TIMEOUT_CHECK_INTERVAL_MS,
      maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply) => answerWith(reply, error, logger),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = MAX_HTTP_CONNECTIONS;
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
  app.setErrorHandler((error, _request, reply) => answerWith(reply, error, logger));
  app.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).send({ error: 'not found', code: 'not_found' }),
  );

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Muster registry',
        description: 'Operating a registry: health, metrics, breakers, limits, snapshots.',
        version: dependencies.health().version,
      },
      components: {
        securitySchemes: { adminToken: { type: 'apiKey', in: 'header', name: 'X-Admin-Token' } },
      },
    },
  });
  for (const routes of ROUTES) {
    await app.register(routes, { dependencies });
  }
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());

  return {
    app,
    async listen({ host, port }) {
      await app.listen({ host, port });
      const address = app.server.address();
      if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
      return address;
    },
    async close() {
      await app.close();
    },
  };
}
