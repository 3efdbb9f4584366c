/**
 * IP addresses as the admission rules see them: IPv4-mapped IPv6 addresses are IPv4, zone identifiers do not count,
 * and an IPv6 host is known by its /64, of which one subscriber usually holds all 2^64 addresses.
 */

/** An address: 2 words of 16 bits for IPv4, 8 for IPv6. */
export type IpWords = readonly number[];

const DECIMAL = /^(?:0|[1-9][0-9]{0,2})$/;
const HEXADECIMAL = /^[0-9a-fA-F]{1,4}$/;

/** Reads an address in text form; undefined when it is none. Leading zeros in IPv4 are refused: they are ambiguous. */
export function parseIp(text: string): IpWords | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const zone = text.indexOf('%');
  const words = parseIpv6(zone === -1 ? text : text.slice(0, zone));
  if (words === undefined) return undefined;
  const mapped = words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);
  return mapped ? words.slice(6) : words;
}

function parseIpv4(text: string): IpWords | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes: number[] = [];
  for (const part of parts) {
    const value = DECIMAL.test(part) ? Number(part) : 256;
    if (value > 255) return undefined;
    bytes.push(value);
  }
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return [(a << 8) | b, (c << 8) | d];
}

function parseIpv6(text: string): IpWords | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const shortened = halves.length === 2;
  const head = parseGroups(halves[0] ?? '', !shortened);
  const tail = shortened ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  // "::" stands for at least one group.
  const missing = 8 - head.length - tail.length;
  if (shortened ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** Groups of 16 bits; where the address ends, the last two may be written as an IPv4 address. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const words: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (atEnd && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseIpv4(group);
      if (embedded === undefined) return undefined;
      words.push(...embedded);
    } else {
      if (!HEXADECIMAL.test(group)) return undefined;
      words.push(Number.parseInt(group, 16));
    }
  }
  return words;
}

/** Whether an address is this machine's own: 127.0.0.0/8 or ::1. */
export function isLoopback(words: IpWords): boolean {
  if (words.length === 2) return (words[0] ?? 0) >>> 8 === 127;
  return words[7] === 1 && words.slice(0, 7).every((word) => word === 0);
}

/** A text that is the same for all addresses that share their first `bits` bits. */
export function prefixKey(words: IpWords, bits: number): string {
  let key = `${words.length}/${bits}`;
  for (let index = 0; index * 16 < bits; index++) {
    const kept = Math.min(16, bits - index * 16);
    key += `:${((words[index] ?? 0) & (0xffff << (16 - kept))).toString(16)}`;
  }
  return key;
}
