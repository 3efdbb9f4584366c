/**
 * Multiaddrs and peer ids as texts. The overlay is TCP only, so these are read here: an IP address or a DNS name, a TCP
 * port, and the peer id at the end where there is one. Everything else is no address of this overlay.
 *
 * Fault model: addresses come from strangers. What is handed on is bounded in length and number, and never sends us to
 * ourselves (loopback, unspecified) or to nobody (multicast, broadcast).
 */

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { peerIdOf } from '@muster/core/identity';
import type { AddrInfo, PeerId } from './messages.ts';

/** Addresses kept of one peer. */
const MAX_ADDRESSES = 8;
/** A DNS name has up to 253 characters. */
const MAX_ADDRESS_CHARS = 384;

const DNS_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;
const PORT = /^[1-9]\d{0,4}$/;

/** An address taken apart. `host` is an IP address or a DNS name. */
export interface ParsedAddress {
  readonly family: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6' | 'dnsaddr';
  readonly host: string;
  /** Absent only for `dnsaddr`, which names records that have the ports. */
  readonly port?: number;
  readonly peer?: PeerId;
  /** The address without the peer id. */
  readonly bare: string;
}

// Ed25519 peer ids are base58 texts of one length, and the alphabet is in the order of ASCII: comparing the texts
// compares the keys.
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;
const FIRST_PEER_ID = peerIdOf(new Uint8Array(32));
const LAST_PEER_ID = peerIdOf(new Uint8Array(32).fill(0xff));

/** Whether a text is the peer id of an Ed25519 key (`12D3KooW…`), the only kind in this overlay. */
export function isPeerId(text: string): boolean {
  return PEER_ID.test(text) && text >= FIRST_PEER_ID && text <= LAST_PEER_ID;
}

/** Takes a multiaddr apart; undefined when it is none that this overlay could dial. */
export function parseAddress(text: string): ParsedAddress | undefined {
  if (text.length > MAX_ADDRESS_CHARS) return undefined;
  const parts = text.split('/');
  const [empty, family, host = ''] = parts;
  if (empty !== '' || !isHostOf(family, host)) return undefined;
  let index = 3;
  let port: number | undefined;
  if (parts[index] === 'tcp') {
    const digits = parts[index + 1] ?? '';
    port = PORT.test(digits) ? Number(digits) : undefined;
    if (port === undefined || port > 65_535) return undefined;
    index += 2;
  } else if (family !== 'dnsaddr') return undefined;
  const bare = parts.slice(0, index).join('/');
  if (index === parts.length) return { family, host, bare, ...(port !== undefined && { port }) };
  const peer = parts[index + 1] ?? '';
  if (parts[index] !== 'p2p' || index + 2 !== parts.length || !isPeerId(peer)) return undefined;
  return { family, host, bare, peer, ...(port !== undefined && { port }) };
}

function isHostOf(family: string | undefined, host: string): family is ParsedAddress['family'] {
  if (family === 'ip4') return isIPv4(host);
  // A zone means something on the host that wrote it only.
  if (family === 'ip6') return isIPv6(host) && !host.includes('%');
  return (
    (family === 'dns' || family === 'dns4' || family === 'dns6' || family === 'dnsaddr') &&
    DNS_NAME.test(host)
  );
}

/** Reads a configured address with `/p2p/<id>`; undefined when it is none. */
export function parsePeerAddress(text: string): AddrInfo | undefined {
  const parsed = parseAddress(text.trim());
  return parsed?.peer === undefined ? undefined : { ID: parsed.peer, Addrs: [parsed.bare] };
}

/** The address with the peer id at its end. */
export function formatPeerAddress(addr: string, peer: PeerId): string {
  return `${addr}/p2p/${peer}`;
}

/**
 * The addresses that may be dialled and handed to others (8.1): without the peer id, each once, at most 8. Loopback ones
 * only when allowed; DNS names stay (F:30).
 */
export function usableAddresses(
  addrs: readonly string[],
  options: { readonly allowLoopback: boolean },
): string[] {
  return usableOf(addrs, options, undefined);
}

/** The peer with its usable addresses; undefined when none is left (8.1), or the id is none. */
export function usableAddrInfo(
  info: AddrInfo,
  options: { readonly allowLoopback: boolean },
): AddrInfo | undefined {
  if (!isPeerId(info.ID)) return undefined;
  const Addrs = usableOf(info.Addrs, options, info.ID);
  return Addrs.length === 0 ? undefined : { ID: info.ID, Addrs };
}

function usableOf(
  addrs: readonly string[],
  options: { readonly allowLoopback: boolean },
  peer: PeerId | undefined,
): string[] {
  const usable: string[] = [];
  for (const text of addrs) {
    if (usable.length === MAX_ADDRESSES) break;
    const parsed = parseAddress(text);
    if (parsed === undefined || usable.includes(parsed.bare)) continue;
    if (peer !== undefined && parsed.peer !== undefined && parsed.peer !== peer) continue;
    if (isUndialable(parsed) || (!options.allowLoopback && isLoopback(parsed))) continue;
    usable.push(parsed.bare);
  }
  return usable;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
LOOPBACK.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** Unspecified, multicast, broadcast: nobody can be dialled there. */
const UNDIALABLE = new BlockList();
UNDIALABLE.addSubnet('0.0.0.0', 8, 'ipv4');
UNDIALABLE.addSubnet('224.0.0.0', 4, 'ipv4');
UNDIALABLE.addAddress('255.255.255.255', 'ipv4');
UNDIALABLE.addAddress('::', 'ipv6');
UNDIALABLE.addSubnet('::ffff:0.0.0.0', 104, 'ipv6');
UNDIALABLE.addSubnet('ff00::', 8, 'ipv6');

/** Addresses of private networks and links: no region can be told from them. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4');
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4');
PRIVATE.addSubnet('169.254.0.0', 16, 'ipv4');
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4');
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4');
PRIVATE.addSubnet('240.0.0.0', 4, 'ipv4');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

function isIn(list: BlockList, { family, host }: ParsedAddress): boolean {
  if (family === 'ip4') return list.check(host, 'ipv4');
  return family === 'ip6' && list.check(host, 'ipv6');
}

function isUndialable(address: ParsedAddress): boolean {
  return isIn(UNDIALABLE, address);
}

function isLoopback(address: ParsedAddress): boolean {
  if (address.family === 'ip4' || address.family === 'ip6') return isIn(LOOPBACK, address);
  const name = address.host.toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost');
}

/** `a.b.c` of the IPv4 address in a multiaddr; undefined when it has none. */
export function ipv4PrefixOf(addr: string): string | undefined {
  const parsed = parseAddress(addr);
  return parsed?.family === 'ip4' ? prefixOf(parsed) : undefined;
}

/**
 * The subnet of a peer (14.7): /24 of its first IPv4 address that is not loopback, as `a.b.c`, else the first 48 bits of
 * its first such IPv6 address in hex; undefined for neither.
 */
export function subnetOf(addrs: readonly string[]): string | undefined {
  return firstPrefix(addrs, (address) => !isLoopback(address) && !isUndialable(address));
}

/** The region of an indexer (10.7): as {@link subnetOf}, of public addresses only; empty when there is none. */
export function regionOf(addrs: readonly string[]): string {
  const isPublic = (address: ParsedAddress): boolean =>
    !isLoopback(address) && !isUndialable(address) && !isIn(PRIVATE, address);
  return firstPrefix(addrs, isPublic) ?? '';
}

function firstPrefix(
  addrs: readonly string[],
  isTaken: (address: ParsedAddress) => boolean,
): string | undefined {
  let ipv6: string | undefined;
  for (const text of addrs) {
    const address = parseAddress(text);
    if (address === undefined || (address.family !== 'ip4' && address.family !== 'ip6')) continue;
    if (!isTaken(address)) continue;
    if (address.family === 'ip4') return prefixOf(address);
    ipv6 ??= prefixOf(address);
  }
  return ipv6;
}

function prefixOf({ family, host }: ParsedAddress): string {
  if (family === 'ip4') return host.slice(0, host.lastIndexOf('.'));
  return ipv6Groups(host).slice(0, 3).join('');
}

/** The eight groups of an IPv6 address, four hex digits each. */
function ipv6Groups(host: string): string[] {
  // The host's parser has accepted it, so this only has to fill the gap and write an embedded IPv4 address in hex.
  const text = host.toLowerCase().replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const hex = [a, b, c, d].map((octet) => Number(octet).toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 4)}:${hex.slice(4)}`;
  });
  const [head = '', tail] = text.split('::');
  const groupsOf = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: gap }, () => '0'), ...after];
  return groups.map((group) => group.padStart(4, '0'));
}
