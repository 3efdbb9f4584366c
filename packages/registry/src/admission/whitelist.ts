import { quote } from '../wire/go-text.ts';
import { admissionErrors } from './errors.ts';
import { type IpWords, parseIp, prefixKey } from './ip-address.ts';

/** One line of the list: a source, and the requests per second that each of its addresses may send. */
export interface WhitelistEntry {
  readonly cidr: string;
  readonly rate: number;
}

/** The most entries that a list may have. */
export const MAX_WHITELIST_ENTRIES = 10_000;

const PREFIX_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

/**
 * Sources that the operator trusts with more than the rest (spec section 2.10). Immutable. The longest prefix that
 * holds an address decides; a lookup costs one map access per prefix length in use.
 */
export class Whitelist {
  static readonly empty = new Whitelist([]);
  readonly entries: readonly WhitelistEntry[];
  readonly #rates = new Map<string, number>();
  readonly #prefixLengths: Readonly<Record<'v4' | 'v6', readonly number[]>>;

  private constructor(entries: readonly WhitelistEntry[]) {
    this.entries = entries;
    const lengths = { v4: new Set<number>(), v6: new Set<number>() };
    for (const { cidr, rate } of entries) {
      const { words, bits } = parseCidr(cidr);
      lengths[words.length === 2 ? 'v4' : 'v6'].add(bits);
      this.#rates.set(prefixKey(words, bits), rate);
    }
    const descending = (set: ReadonlySet<number>) => [...set].sort((a, b) => b - a);
    this.#prefixLengths = { v4: descending(lengths.v4), v6: descending(lengths.v6) };
  }

  /** Makes a list; throws `whitelist_invalid` for an entry that is none. A repeated source: the last one counts. */
  static of(entries: readonly WhitelistEntry[]): Whitelist {
    if (entries.length > MAX_WHITELIST_ENTRIES) {
      throw invalid(`more than ${MAX_WHITELIST_ENTRIES} entries`);
    }
    return new Whitelist(entries.map(({ cidr, rate }) => ({ cidr, rate: checkedRate(rate, cidr) })));
  }

  /** Reads a parsed JSON array of `{"cidr", "rate"}`; throws `whitelist_invalid`. */
  static fromJson(document: unknown): Whitelist {
    if (!Array.isArray(document)) throw invalid('want an array of {"cidr", "rate"}');
    return Whitelist.of(
      document.map((entry: unknown, index) => {
        const { cidr, rate }: { cidr?: unknown; rate?: unknown } =
          typeof entry === 'object' && entry !== null ? entry : {};
        if (typeof cidr !== 'string' || typeof rate !== 'number') {
          throw invalid(`entry ${index} is not {"cidr": text, "rate": number}`);
        }
        return { cidr, rate };
      }),
    );
  }

  /** Requests per second of an address; undefined when it is not on the list. */
  rateOf(address: IpWords): number | undefined {
    for (const bits of this.#prefixLengths[address.length === 2 ? 'v4' : 'v6']) {
      const rate = this.#rates.get(prefixKey(address, bits));
      if (rate !== undefined) return rate;
    }
    return undefined;
  }
}

function parseCidr(cidr: string): { words: IpWords; bits: number } {
  const slash = cidr.indexOf('/');
  const words = parseIp(slash === -1 ? cidr : cidr.slice(0, slash));
  if (words === undefined) throw invalid(`${quote(cidr)} is no address`);
  const all = words.length * 16;
  if (slash === -1) return { words, bits: all };
  const text = cidr.slice(slash + 1);
  // A mapped address is IPv4 here, and its prefix counts from the start of the IPv6 form.
  const offset = words.length === 2 && cidr.includes(':') ? 96 : 0;
  const bits = PREFIX_LENGTH.test(text) ? Number(text) - offset : -1;
  if (bits < 0 || bits > all) throw invalid(`${quote(cidr)} has no valid prefix length`);
  return { words, bits };
}

function checkedRate(rate: number, cidr: string): number {
  if (Number.isFinite(rate) && rate > 0) return rate;
  throw invalid(`${quote(cidr)}: the rate must be a number above 0`);
}

function invalid(why: string): Error {
  return admissionErrors.create('whitelist_invalid', `rate limit whitelist: ${why}`);
}
