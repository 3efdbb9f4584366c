import { BlockList, isIP } from 'node:net';

/** A place to listen on. */
export interface ListenAddress {
  /** Name or address; `::` for all interfaces. */
  readonly host: string;
  readonly port: number;
}

/** All interfaces, of both versions of IP where the system has both. */
export const ALL_INTERFACES = '::';

/** Reads `host:port`, `[IPv6]:port` or `:port`; undefined for anything else. */
export function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  const host = bracketed ?? plain;
  return { host: host === '' || host === '*' ? ALL_INTERFACES : host, port };
}

/** What is wrong with the text of an address; undefined when nothing is. */
export function addressProblem(text: string): string | undefined {
  return parseAddress(text) === undefined
    ? 'not an address; use host:port, [IPv6]:port, or :port for all interfaces'
    : undefined;
}

/** The text of an address, as clients are told it. */
export function formatAddress({ host, port }: ListenAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only programs of this machine can reach the address. */
export function isLoopbackHost(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost';
  return loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** Where programs of this machine reach what listens on the address. */
export function localAddress({ host, port }: ListenAddress): string {
  if (host === '0.0.0.0' || host === ALL_INTERFACES) return `127.0.0.1:${port}`;
  return formatAddress({ host, port });
}
