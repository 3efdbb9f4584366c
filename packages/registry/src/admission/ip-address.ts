/**
 * IP addresses as the admission rules see them: IPv4-mapped IPv6 addresses are IPv4, zone identifiers do not count,
 * and an IPv6 host is known by its /64, of which one subscriber usually holds all 2^64 addresses.
 */

import { parseIp as parseLiteral } from '../wire/ip.ts';

/** An address: 2 words of 16 bits for IPv4, 8 for IPv6. */
export type IpWords = readonly number[];

/** Reads an address in text form; undefined when it is none. Leading zeros in IPv4 are refused: they are ambiguous. */
export function parseIp(text: string): IpWords | undefined {
  const zone = text.indexOf('%');
  const bytes = parseLiteral(zone === -1 ? text : text.slice(0, zone))?.bytes;
  if (bytes === undefined) return undefined;
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 2) words.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
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
