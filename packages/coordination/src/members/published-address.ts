/** What an agent publishes of its addresses (coordination spec 18.3): wildcards become the pod's address of the same family. */

import { isIP } from 'node:net';

/** `host:port`, with IPv6 in brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`, `[v6]:port` or `:port`; undefined for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, bare = '', digits = ''] = match;
  const port = Number(digits);
  if (port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { host: bracketed ?? bare, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

export interface TransferAddress {
  /** Empty: nothing can be published. */
  readonly advertised: string;
  /** The listener is bound to all addresses of the other family than the pod's. */
  readonly isFamilyMismatch: boolean;
}

const NOTHING: TransferAddress = { advertised: '', isFamilyMismatch: false };

/** Where others reach the transfer listener. A listen text that is none publishes nothing: settings refuse it (D:23). */
export function transferAddress(listen: string, podIp: string): TransferAddress {
  const parsed = parseHostPort(listen);
  if (parsed === undefined) return NOTHING;
  const { host, port } = parsed;
  const family = wildcardFamily(host);
  if (host !== '' && family === undefined)
    return { advertised: formatHostPort(parsed), isFamilyMismatch: false };
  const podFamily = isIP(podIp);
  if (podFamily === 0) return NOTHING;
  if (family !== undefined && family !== podFamily) return { advertised: '', isFamilyMismatch: true };
  return { advertised: formatHostPort({ host: podIp, port }), isFamilyMismatch: false };
}

/** A listen multiaddr as it is published, without `/p2p`; undefined when it cannot be. */
export function publishedMultiaddr(listen: string, podIp: string): string | undefined {
  const [empty, protocol, host = '', ...rest] = listen.split('/');
  if (empty !== '' || (protocol !== 'ip4' && protocol !== 'ip6')) return listen;
  const family = wildcardFamily(host);
  if (family === undefined) return listen;
  return isIP(podIp) === family ? `/${[protocol, podIp, ...rest].join('/')}` : undefined;
}

/** The published addresses of an agent, with its peer id, each once. */
export function publishedMultiaddrs(
  listen: readonly string[],
  podIp: string,
  peerId: string,
): readonly string[] {
  const found = new Set<string>();
  for (const address of listen) {
    const published = publishedMultiaddr(address.replace(/\/p2p\/[^/]+$/, ''), podIp);
    if (published !== undefined) found.add(`${published}/p2p/${peerId}`);
  }
  return [...found];
}

function wildcardFamily(host: string): 4 | 6 | undefined {
  if (host === '0.0.0.0') return 4;
  return isIP(host) === 6 && /^[0:]+$/.test(host) ? 6 : undefined;
}
