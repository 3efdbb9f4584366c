/**
 * Which addresses outbound requests may reach (B-12): those of the public Internet, and what the operator allows.
 *
 * Fault model: whoever configures a URL, or runs the name server of its host, wants to reach a service that trusts
 * this machine. Every form in which an IPv6 address carries an IPv4 address counts as that IPv4 address.
 */
import { parseIp } from '../admission/ip-address.ts';
import type { IpWords } from '../admission/ip-address.ts';
import { outboundErrors } from './errors.ts';

/** Entries that a list of allowed destinations may have. */
export const MAX_ALLOWED_DESTINATIONS = 256;

interface Range {
  readonly words: IpWords;
  readonly bits: number;
}

/** Reads `address` or `address/bits`; undefined when it is neither. */
function parseRange(text: string): Range | undefined {
  const [address = '', bitsText, ...more] = text.split('/');
  const words = parseIp(address);
  if (words === undefined || address.includes('%') || more.length > 0) return undefined;
  const width = words.length * 16;
  const mapped = width === 32 && address.includes(':');
  if (bitsText === undefined) return { words, bits: width };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const bits = mapped ? Number(bitsText) - 96 : Number(bitsText);
  return bits < 0 || bits > width ? undefined : { words, bits };
}

function contains(range: Range, words: IpWords): boolean {
  if (range.words.length !== words.length) return false;
  for (let index = 0; index * 16 < range.bits; index++) {
    const mask = 0xffff << (16 - Math.min(16, range.bits - index * 16));
    if ((((range.words[index] ?? 0) ^ (words[index] ?? 0)) & mask & 0xffff) !== 0) return false;
  }
  return true;
}

function table(rows: Readonly<Record<string, string>>): readonly (readonly [string, Range])[] {
  return Object.entries(rows).map(([text, kind]) => {
    const range = parseRange(text);
    if (range === undefined) throw new RangeError(`not a range: ${text}`);
    return [kind, range];
  });
}

/** Addresses that are not of the public Internet (IANA special-purpose registries), with a word for each. */
const special = table({
  '0.0.0.0/8': 'unspecified',
  '10.0.0.0/8': 'private',
  '100.64.0.0/10': 'carrier-grade NAT',
  '127.0.0.0/8': 'loopback',
  '169.254.0.0/16': 'link-local',
  '172.16.0.0/12': 'private',
  '192.0.0.0/24': 'reserved',
  '192.0.2.0/24': 'reserved',
  '192.88.99.0/24': 'reserved',
  '192.168.0.0/16': 'private',
  '198.18.0.0/15': 'reserved',
  '198.51.100.0/24': 'reserved',
  '203.0.113.0/24': 'reserved',
  '224.0.0.0/4': 'multicast',
  '240.0.0.0/4': 'reserved',
  '::/128': 'unspecified',
  '::1/128': 'loopback',
  'fc00::/7': 'unique-local',
  'fe80::/10': 'link-local',
  'fec0::/10': 'private',
  'ff00::/8': 'multicast',
  '2001::/23': 'reserved',
  '2001:db8::/32': 'reserved',
  '3fff::/20': 'reserved',
});

/** Ranges whose addresses carry an IPv4 address, and the word where it begins. */
const embedding: readonly (readonly [Range, number])[] = [
  [{ words: [0x64, 0xff9b, 0, 0, 0, 0, 0, 0], bits: 96 }, 6], // NAT64
  [{ words: [0x2002, 0, 0, 0, 0, 0, 0, 0], bits: 16 }, 1], // 6to4
];

const globalUnicast: Range = { words: [0x2000, 0, 0, 0, 0, 0, 0, 0], bits: 3 };

/** Why an address is not of the public Internet, in a word or two; undefined when it is. */
function specialKind(words: IpWords): string | undefined {
  for (const [kind, range] of special) if (contains(range, words)) return kind;
  if (words.length === 2) return undefined;
  for (const [range, at] of embedding) {
    if (contains(range, words)) return specialKind(words.slice(at, at + 2));
  }
  // All other addresses that are in use for unicast begin with 001.
  return contains(globalUnicast, words) ? undefined : 'reserved';
}

/** Decides where outbound requests may go. Immutable. */
export class Destinations {
  /** The public Internet and nothing else. */
  static readonly publicOnly = new Destinations([], new Set());
  readonly #ranges: readonly Range[];
  readonly #hosts: ReadonlySet<string>;

  private constructor(ranges: readonly Range[], hosts: ReadonlySet<string>) {
    this.#ranges = ranges;
    this.#hosts = hosts;
  }

  /**
   * The public Internet and what is listed: host names (which then may stand for any address), addresses, CIDR ranges.
   *
   * @throws `invalid_allow_list`
   */
  static allowing(entries: readonly string[]): Destinations {
    if (entries.length > MAX_ALLOWED_DESTINATIONS) {
      throw invalid(`more than ${MAX_ALLOWED_DESTINATIONS} allowed destinations`);
    }
    const ranges: Range[] = [];
    const hosts = new Set<string>();
    for (const entry of entries.map((text) => text.trim().toLowerCase())) {
      const range = parseRange(entry);
      if (range !== undefined) ranges.push(range);
      else if (/^(?=.*[a-z])[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/.test(entry)) hosts.add(entry);
      else
        throw invalid(`allowed destination ${JSON.stringify(entry)} is no host name, address or CIDR range`);
    }
    return new Destinations(ranges, hosts);
  }

  /** Whether this host was listed by name, so that its addresses are not looked at. */
  allowsHost(host: string): boolean {
    return this.#hosts.has(host.toLowerCase().replace(/\.$/, ''));
  }

  /** Why this address may not be reached (`loopback`, `private`, …); undefined when it may. */
  denial(address: string): string | undefined {
    const words = parseIp(address);
    if (words === undefined) return 'not an address';
    for (const range of this.#ranges) if (contains(range, words)) return undefined;
    return specialKind(words);
  }
}

function invalid(message: string): Error {
  return outboundErrors.create('invalid_allow_list', message);
}
