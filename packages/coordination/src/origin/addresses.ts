/**
 * Where redirects may lead. An origin is configured by the operator; what it redirects to is chosen by others, who may want
 * this node to reach services that trust it. So a redirect, or the address of a token service, may lead to the public
 * Internet, or to the kind of network that the origin itself is in, and nowhere else.
 */

import { BlockList, isIP } from 'node:net';

/** Kinds of addresses; all that are no unicast addresses of the Internet and none of the others are `reserved`. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'link-local' | 'reserved';

const TABLE: readonly (readonly [AddressKind, readonly string[]])[] = [
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  [
    'reserved',
    [
      '0.0.0.0/8',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '224.0.0.0/3',
      '::/128',
      'ff00::/8',
      '2001::/23',
      '2001:db8::/32',
      '3fff::/20',
    ],
  ],
];

const GLOBAL_UNICAST = listOf(['2000::/3']);
const LISTS = TABLE.map(([kind, ranges]) => [kind, listOf(ranges)] as const);

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** The kind of a literal address. Every form in which an IPv6 address carries an IPv4 address counts as that one. */
export function addressKind(text: string): AddressKind {
  const address = text.replace(/%.*$/, '');
  const version = isIP(address);
  if (version === 0) return 'reserved';
  const carried = version === 6 ? carriedIpv4(address) : undefined;
  if (carried !== undefined) return addressKind(carried);
  const family = version === 6 ? 'ipv6' : 'ipv4';
  for (const [kind, list] of LISTS) if (list.check(address, family)) return kind;
  return version === 4 || GLOBAL_UNICAST.check(address, 'ipv6') ? 'public' : 'reserved';
}

/** Whether a redirect by an origin at an address of the kind `from` may lead to `to`. */
export function mayRedirect(from: AddressKind, to: AddressKind): boolean {
  return to === 'public' || to === from;
}

/** The IPv4 address inside a mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
function carriedIpv4(address: string): string | undefined {
  const words = wordsOf(address);
  const [a, b, c, d, e, f] = words;
  const isMapped = [a, b, c, d, e].every((word) => word === 0) && f === 0xffff;
  const isNat64 = a === 0x64 && b === 0xff9b && [c, d, e, f].every((word) => word === 0);
  const at = isMapped || isNat64 ? 6 : a === 0x2002 ? 1 : undefined;
  if (at === undefined) return undefined;
  const [high = 0, low = 0] = words.slice(at, at + 2);
  return `${high >>> 8}.${high & 0xff}.${low >>> 8}.${low & 0xff}`;
}

function wordsOf(address: string): readonly number[] {
  // The URL parser writes every form of an address in the canonical one, without dots.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill('0'), ...right].map((word) => Number.parseInt(word, 16));
}
