/**
 * What becomes of the endpoint that a registering node claims (spec section 7.1, B-15).
 *
 * | claimed | stored |
 * |---|---|
 * | empty, not `host:port`, or a port outside 1 to 65535 | source host and source port |
 * | host empty, not public (private, loopback, link-local, unspecified, multicast, shared, reserved), or a name | source host, claimed port |
 * | public literal IP, same as the source | source host, claimed port |
 * | another public literal IP, request signed by the key | as claimed, in canonical form |
 * | another public literal IP, unsigned | source host, claimed port |
 *
 * The original trusts any public host, which lets a stranger point the traffic of others at a victim. Against the
 * recorded rule of the legacy server (source host and claimed port, always) these differ: a claim with an empty,
 * zero or too large port (`1.2.3.4:`, `:0`, `:99999`) is stored there with that port, and here counts as no claim,
 * since no packet can be sent to such an endpoint; and a signed public address is kept, as in newer servers.
 */
import { formatIp, isPublicAddress, parseIp } from './ip.ts';

/** A host and a port, apart. */
export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const PORT = /^0*([1-9]\d{0,4})$/;

/**
 * Splits `host:port` (`[host]:port` for IPv6). Undefined when the port is not a decimal number from 1 to 65535, or
 * when the host has colons and no brackets. The host may be empty and is not looked at further.
 */
export function splitHostPort(text: string): HostPort | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return undefined;
  const host = unbracket(text.slice(0, colon));
  const port = Number(PORT.exec(text.slice(colon + 1))?.[1] ?? 0);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function unbracket(host: string): string | undefined {
  if (!host.startsWith('[')) return /[[\]:]/.test(host) ? undefined : host;
  const inside = host.endsWith(']') ? host.slice(1, -1) : '[';
  return /[[\]]/.test(inside) ? undefined : inside;
}

/** Joins host and port, with brackets around a host that has colons. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The endpoint to store for a node: see the table above.
 *
 * @param claimed `listen_addr` as sent.
 * @param source address and port that the request came from.
 * @param signed true when the request carried a good signature by the key that registers.
 */
export function sanitiseEndpoint(
  claimed: string,
  source: { readonly address: string; readonly port: number },
  signed: boolean,
): string {
  const sourceHost = canonicalHost(source.address);
  const claim = splitHostPort(claimed);
  if (claim === undefined) return joinHostPort(sourceHost, source.port);
  const address = signed ? parseIp(claim.host) : undefined;
  const host = address !== undefined && isPublicAddress(address) ? formatIp(address) : sourceHost;
  return joinHostPort(host, claim.port);
}

/** A literal IP in canonical form (dual-stack sockets report IPv4 sources as mapped IPv6); other text as it is. */
function canonicalHost(host: string): string {
  const address = parseIp(host);
  return address === undefined ? host : formatIp(address);
}

/** The source of a request as text, for `observed_addr`. */
export function formatSource(source: { readonly address: string; readonly port: number }): string {
  return joinHostPort(canonicalHost(source.address), source.port);
}
