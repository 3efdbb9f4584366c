import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { isLoopback, parseIp } from '../admission/index.ts';
import { type AdminIdentity, type AdminScope, permits } from '../auth/admin-tokens.ts';
import type { HttpDependencies } from './dependencies.ts';
import { httpErrors } from './errors.ts';

/** Who makes a request: known after {@link requireAdmin} let it pass. */
const admins = new WeakMap<FastifyRequest, AdminIdentity>();

/** The admin that a request was let pass for. */
export function adminOf(request: FastifyRequest): AdminIdentity {
  const admin = admins.get(request);
  if (admin === undefined) throw new Error('the route is not behind requireAdmin');
  return admin;
}

/**
 * Lets a request pass that has an admin token with this scope in the header `X-Admin-Token` (B-47: nowhere else).
 * Throws `admin_not_configured`, `unauthorized`, `insufficient_scope`.
 */
export function requireAdmin(
  tokens: HttpDependencies['adminTokens'],
  scope: AdminScope,
): onRequestHookHandler {
  return async (request) => {
    if (!tokens.configured) throw httpErrors.create('admin_not_configured', 'admin token not configured');
    const token = request.headers['x-admin-token'];
    const admin = typeof token === 'string' ? tokens.check(token) : undefined;
    if (admin === undefined) throw httpErrors.create('unauthorized', 'unauthorized');
    if (!permits(admin, scope)) {
      throw httpErrors.create('insufficient_scope', `admin token lacks the scope ${scope}`);
    }
    admins.set(request, admin);
  };
}

/** Headers by which proxies say that they pass on somebody else's request. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;

/**
 * Lets a request pass that this machine made itself (spec section 14): the socket's other end is a loopback address, no
 * proxy passed it on, the Host header names this machine (a site that points its name at 127.0.0.1 does not get in),
 * and no page of another site is behind it. Headers can only take the right away, never give it.
 * Throws `local_only`, `host_not_allowed`, `cross_origin`.
 */
export const requireLocal: onRequestHookHandler = async (request) => {
  const peer = parseIp(request.socket.remoteAddress ?? '');
  if (peer === undefined || !isLoopback(peer) || PROXY_HEADERS.some((name) => name in request.headers)) {
    throw httpErrors.create('local_only', 'local only');
  }
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  if (host === undefined || !namesThisMachine(host)) {
    throw httpErrors.create('host_not_allowed', 'host not allowed');
  }
  const sameOrigin = origin === undefined || origin === `http://${host}`;
  if (!sameOrigin || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw httpErrors.create('cross_origin', 'cross-origin request');
  }
};

const HOST = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:[\]]*))(?::\d{1,5})?$/;

/** Whether a Host header names this machine by a loopback address or as `localhost`. */
function namesThisMachine(host: string): boolean {
  const { v6, name } = HOST.exec(host)?.groups ?? {};
  if (name?.toLowerCase() === 'localhost') return true;
  const address = parseIp(v6 ?? name ?? '');
  return address !== undefined && isLoopback(address);
}
