import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { statusErrors } from './errors.ts';
import { MAX_STATUS_URL_CHARS } from './limits.ts';

/** Headers by which proxies say that they pass on somebody else's request. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  return loopback.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Lets a request pass that a program of this machine made itself: no proxy passed it on, the Host header names this
 * machine (a site that points its name at 127.0.0.1 does not get in), and no page of another site is behind it.
 * Throws `local_only`, `host_not_allowed`, `cross_origin`, `method_not_allowed`, `bad_request`.
 */
export function requireLocalRequest(request: IncomingMessage): void {
  const { headers, method, url = '', socket } = request;
  if (!isLoopback(socket.remoteAddress ?? '') || PROXY_HEADERS.some((name) => name in headers)) {
    throw statusErrors.create('local_only', 'local only');
  }
  const { host, origin, 'sec-fetch-site': site } = headers;
  if (host === undefined || !namesThisMachine(host)) {
    throw statusErrors.create('host_not_allowed', 'host not allowed');
  }
  const isSameOrigin = origin === undefined || origin === `http://${host}`;
  if (!isSameOrigin || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw statusErrors.create('cross_origin', 'cross-origin request');
  }
  if (method !== 'GET' && method !== 'HEAD') throw statusErrors.create('method_not_allowed', 'use GET');
  if (url.length > MAX_STATUS_URL_CHARS) throw statusErrors.create('bad_request', 'the address is too long');
  if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined) {
    throw statusErrors.create('bad_request', 'a request has no body here');
  }
}

const HOST = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:[\]]*))(?::\d{1,5})?$/;

function namesThisMachine(host: string): boolean {
  const { v6, name } = HOST.exec(host)?.groups ?? {};
  return name?.toLowerCase() === 'localhost' || isLoopback(v6 ?? name ?? '');
}
