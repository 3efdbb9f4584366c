import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../../settings/address.ts';
import { pageErrors } from './errors.ts';
import { MAX_PAGE_URL_CHARS } from './limits.ts';

const HOST = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:[\]]*))(?::\d{1,5})?$/;

/**
 * Lets a request pass that is meant for this server: its Host header names this machine or a host that was allowed (a site that
 * points its own name at 127.0.0.1 does not get in), no page of another site is behind it, it only reads, and it has no body.
 * Throws PAGE_HOST, PAGE_CROSS_SITE, PAGE_METHOD, PAGE_REQUEST.
 */
export function requireOwnRequest(request: IncomingMessage, allowedHosts: ReadonlySet<string>): void {
  const { headers, method, url = '' } = request;
  const { host, origin, 'sec-fetch-site': site } = headers;
  if (host === undefined || !isAllowed(host, allowedHosts)) {
    throw pageErrors.create('PAGE_HOST', 'host not allowed');
  }
  const isOwnOrigin = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  // Somebody who follows a link to the page comes from another site, and reads nothing of it.
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none' || isLink;
  if (!isOwnOrigin || !isOwnSite) throw pageErrors.create('PAGE_CROSS_SITE', 'cross-site request');
  if (method !== 'GET' && method !== 'HEAD') throw pageErrors.create('PAGE_METHOD', 'use GET');
  if (url.length > MAX_PAGE_URL_CHARS) throw pageErrors.create('PAGE_REQUEST', 'the address is too long');
  if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined) {
    throw pageErrors.create('PAGE_REQUEST', 'a request has no body here');
  }
}

function isAllowed(host: string, allowedHosts: ReadonlySet<string>): boolean {
  const { v6, name } = HOST.exec(host)?.groups ?? {};
  const bare = (v6 ?? name ?? '').toLowerCase();
  return bare !== '' && (isLoopbackHost(bare) || allowedHosts.has(bare));
}
