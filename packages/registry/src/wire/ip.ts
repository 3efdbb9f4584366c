/**
 * Literal IP addresses: reading, canonical text and classes. IPv4-mapped IPv6 addresses count as the IPv4 address
 * that they carry, so that no class can be evaded by writing an address differently.
 */

/** A literal IP address. */
export interface IpAddress {
  /** 4 or 16 bytes, most significant first. */
  readonly bytes: readonly number[];
  /** Zone of a scoped IPv6 address (`eth0` of `fe80::1%eth0`), or empty. */
  readonly zone: string;
}

const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/;
const ZONE = /^[\w.~-]{1,32}$/;
const HEX_GROUP = /^[0-9A-Fa-f]{1,4}$/;

/**
 * Reads a literal IPv4 or IPv6 address, without brackets. Only the strict dotted form with four parts and no leading
 * zeros is IPv4; octal, hexadecimal and shortened forms are not addresses here.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const bytes = parseIpv4(text);
    return bytes === undefined ? undefined : { bytes, zone: '' };
  }
  const percent = text.indexOf('%');
  if (percent >= 0 && !ZONE.test(text.slice(percent + 1))) return undefined;
  const bytes = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (bytes === undefined) return undefined;
  const mapped = bytes.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff));
  if (mapped) return percent < 0 ? { bytes: bytes.slice(12), zone: '' } : undefined;
  return { bytes, zone: percent < 0 ? '' : text.slice(percent + 1) };
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.', 5);
  if (parts.length !== 4 || !parts.every((part) => DECIMAL_BYTE.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  // 39 characters are eight full groups; an embedded IPv4 address makes it 45 at most.
  if (text.length > 45) return undefined;
  const halves = text.split('::', 3);
  if (halves.length > 2) return undefined;
  const [headText = '', tailText] = halves;
  const head = parseGroups(headText, tailText === undefined);
  const tail = tailText === undefined ? [] : parseGroups(tailText, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (tailText === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** Colon-separated groups as bytes; the last one may be a dotted IPv4 address when `endsAddress`. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (HEX_GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
      continue;
    }
    const dotted = endsAddress && index === groups.length - 1 ? parseIpv4(group) : undefined;
    if (dotted === undefined) return undefined;
    bytes.push(...dotted);
  }
  return bytes;
}

/** The canonical text (RFC 5952 for IPv6), without brackets. */
export function formatIp(address: IpAddress): string {
  const { bytes, zone } = address;
  if (bytes.length === 4) return bytes.join('.');
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) {
    groups.push(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0));
  }
  const [start, length] = longestZeroRun(groups);
  const hexText = groups.map((group) => group.toString(16));
  const text =
    length < 2
      ? hexText.join(':')
      : `${hexText.slice(0, start).join(':')}::${hexText.slice(start + length).join(':')}`;
  return zone === '' ? text : `${text}%${zone}`;
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best[1]) best = [start, index + 1 - start];
  }
  return best;
}

/** True for `0.0.0.0` and `::`. */
export function isUnspecifiedAddress(address: IpAddress): boolean {
  return address.bytes.every((byte) => byte === 0);
}

/** True for 127.0.0.0/8 and `::1`. */
export function isLoopbackAddress(address: IpAddress): boolean {
  const { bytes } = address;
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes[15] === 1 && bytes.slice(0, 15).every((byte) => byte === 0);
}

/** True for 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7. */
export function isPrivateAddress(address: IpAddress): boolean {
  const [first = 0, second = 0] = address.bytes;
  if (address.bytes.length === 16) return (first & 0xfe) === 0xfc;
  return first === 10 || (first === 172 && (second & 0xf0) === 16) || (first === 192 && second === 168);
}

/** True for 169.254.0.0/16 and fe80::/10. */
export function isLinkLocalAddress(address: IpAddress): boolean {
  const [first = 0, second = 0] = address.bytes;
  if (address.bytes.length === 16) return first === 0xfe && (second & 0xc0) === 0x80;
  return first === 169 && second === 254;
}

/** True for 224.0.0.0/4 and ff00::/8. */
export function isMulticastAddress(address: IpAddress): boolean {
  const first = address.bytes[0] ?? 0;
  return address.bytes.length === 16 ? first === 0xff : (first & 0xf0) === 0xe0;
}

/** True for the addresses of carrier-grade NAT, 100.64.0.0/10, which mean nothing outside their provider. */
export function isSharedAddress(address: IpAddress): boolean {
  const [first = 0, second = 0] = address.bytes;
  return address.bytes.length === 4 && first === 100 && (second & 0xc0) === 64;
}

/** True for 0.0.0.0/8 and 240.0.0.0/4, broadcast included: no host has these. */
export function isReservedAddress(address: IpAddress): boolean {
  const first = address.bytes[0] ?? 0;
  return address.bytes.length === 4 && (first === 0 || first >= 240);
}

/** True for an address that a stranger on the public network could reach: none of the classes above, and no zone. */
export function isPublicAddress(address: IpAddress): boolean {
  return !(
    address.zone !== '' ||
    isUnspecifiedAddress(address) ||
    isLoopbackAddress(address) ||
    isPrivateAddress(address) ||
    isLinkLocalAddress(address) ||
    isMulticastAddress(address) ||
    isSharedAddress(address) ||
    isReservedAddress(address)
  );
}
