import { type AddressPolicy, AddressState, AddressTable } from './address-table.ts';
import { type DistinctBudget, distinctBudget, DistinctCounter } from './distinct-counter.ts';
import { type IpWords, isLoopback, parseIp, prefixKey } from './ip-address.ts';
import { type AdmissionLimits, DEFAULT_ADMISSION_LIMITS } from './limits.ts';
import { REFUSED, TokenBucket, TokenRate } from './token-bucket.ts';
import { Whitelist } from './whitelist.ts';

/**
 * Why something was refused: the labels of `pilot_ratelimit_denied_total{kind}` (spec section 2.10).
 *
 * - `ip`: a request, registration or lookup beyond the share of its address;
 * - `connection`: a connection beyond the number, or the rate, of its address;
 * - `bucket_table`: a connection from a new address while the table of addresses is full;
 * - `global`: a connection beyond the number or the start-up rate of the server, a request beyond its rate.
 */
export type DenialKind = 'ip' | 'bucket_table' | 'global' | 'connection';

/** The answer to a new connection. */
export type ConnectionVerdict =
  | { readonly admitted: true; readonly state: AddressState }
  | { readonly admitted: false; readonly kind: DenialKind };

/** Serve the requests. */
export const CHARGE_SERVE = 0;
/** Answer each of them with {@link RATE_LIMITED_TEXT} (code `rate_limited`, `retry_after_ms`). */
export const CHARGE_REFUSE = 1;
/** Keep them unread, and stop reading from the connection for {@link AdmissionControl.retryAfterMs}. */
export const CHARGE_PAUSE = 2;
/** What to do with requests. */
export type Charge = typeof CHARGE_SERVE | typeof CHARGE_REFUSE | typeof CHARGE_PAUSE;

/** The error text of a request above the rate. */
export const RATE_LIMITED_TEXT = 'rate limited';
/** The error text of a lookup above the budget of different ids (B-28a). */
export const TOO_MANY_LOOKUPS_TEXT = 'rate limited: too many different nodes looked up';
/** The error text of a registration above the limit (spec section 2.10). */
export function tooManyRegistrationsText(remoteHost: string): string {
  return `rate limited: too many registrations from ${remoteHost}`;
}

/** What admission needs to know. */
export interface AdmissionOptions {
  /** The time now, on the clock of all other calls: it must not go back. */
  readonly startMs: number;
  /** Secret seed of the lookup counters, from the port for randomness. */
  readonly hashSeed: number;
  /** Overrides of {@link DEFAULT_ADMISSION_LIMITS}. */
  readonly limits?: Partial<AdmissionLimits>;
  /**
   * False switches all rates, budgets and per-address caps off (`PILOT_REGISTRY_NORATELIMIT=1`). The number of
   * connections of the server stays bounded.
   * @default true
   */
  readonly enabled?: boolean;
  /**
   * Whether loopback addresses have rates, too. Their number of connections is capped in any case.
   * @default false
   */
  readonly limitLoopback?: boolean;
}

const UNLIMITED: AddressPolicy = {
  requests: TokenRate.unlimited,
  exempt: true,
  anyNumberOfConnections: true,
};
const LOOPBACK: AddressPolicy = { ...UNLIMITED, anyNumberOfConnections: false };
const UNKNOWN_ADDRESS: IpWords = [];
/** IPv6 addresses are counted together from this prefix length on. */
const IPV6_GROUP_BITS = 64;
const REFUSALS = {
  ip: { admitted: false, kind: 'ip' },
  bucket_table: { admitted: false, kind: 'bucket_table' },
  global: { admitted: false, kind: 'global' },
  connection: { admitted: false, kind: 'connection' },
} as const satisfies Record<DenialKind, ConnectionVerdict>;

/**
 * Who may connect, and how much each address may ask (B-05). All state is bounded, however many strangers come; time is
 * passed in.
 *
 * Fault model: callers are hostile. An address can only exhaust its own share; being forgotten (after
 * `maxIdleAddresses` others have come and gone) gives a fresh share, which costs an attacker that many
 * connections from that many addresses.
 */
export class AdmissionControl {
  readonly limits: AdmissionLimits;
  /** Refusals by kind. */
  readonly deniedTotal: Readonly<Record<DenialKind, number>>;
  readonly #denied: Record<DenialKind, number> = { ip: 0, bucket_table: 0, global: 0, connection: 0 };
  readonly #addresses: AddressTable;
  readonly #enabled: boolean;
  readonly #limitLoopback: boolean;
  readonly #ordinary: AddressPolicy;
  readonly #connects: TokenRate;
  readonly #refusals: TokenRate;
  readonly #registrations: TokenRate;
  readonly #lookups: DistinctBudget;
  readonly #startup: TokenBucket;
  readonly #startupEndsMs: number;
  readonly #allRequests: TokenBucket | undefined;
  readonly #listed = new Map<number, AddressPolicy>();
  #whitelist = Whitelist.empty;
  #policyEdition = 1;
  #connections = 0;

  constructor(options: AdmissionOptions) {
    const limits = { ...DEFAULT_ADMISSION_LIMITS, ...options.limits };
    this.limits = limits;
    this.deniedTotal = this.#denied;
    this.#enabled = options.enabled ?? true;
    this.#limitLoopback = options.limitLoopback ?? false;
    this.#addresses = new AddressTable(limits);
    this.#ordinary = {
      requests: TokenRate.of(limits.requestsPerSecondPerAddress, limits.requestBurstPerAddress),
      exempt: false,
      anyNumberOfConnections: false,
    };
    this.#connects = TokenRate.of(limits.connectionsPerSecondPerAddress, limits.connectionBurstPerAddress);
    this.#refusals = TokenRate.of(limits.refusalsPerSecondPerAddress, limits.refusalsPerSecondPerAddress);
    this.#registrations = TokenRate.of(
      limits.registrationsPerMinutePerAddress / 60,
      limits.registrationBurstPerAddress,
    );
    this.#lookups = distinctBudget(limits.distinctLookupsPerMinutePerAddress, 60_000, options.hashSeed);
    this.#startup = new TokenBucket(
      TokenRate.of(limits.startupConnectionsPerSecond, limits.startupConnectionsPerSecond),
    );
    this.#startupEndsMs = options.startMs + limits.startupThrottleMs;
    this.#allRequests =
      limits.requestsPerSecond === 0
        ? undefined
        : new TokenBucket(TokenRate.of(limits.requestsPerSecond, limits.requestsPerSecond));
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections;
  }

  /** Addresses that are tracked. */
  get trackedAddresses(): number {
    return this.#addresses.size;
  }

  /** Those of them without a connection. */
  get idleAddresses(): number {
    return this.#addresses.idle;
  }

  /** Addresses that were forgotten for want of room, ever. */
  get forgottenAddressesTotal(): number {
    return this.#addresses.forgottenTotal;
  }

  /** Puts a list in force, also for connections that are open. */
  setWhitelist(whitelist: Whitelist): void {
    this.#whitelist = whitelist;
    this.#listed.clear();
    this.#policyEdition += 1;
  }

  /**
   * Decides about a new connection from `address` (a literal IP). An admitted one must be given back with
   * {@link AdmissionControl.release}, once. A refused one is to be closed without a reply (spec section 2.1).
   */
  admitConnection(address: string, nowMs: number): ConnectionVerdict {
    if (this.#connections >= this.limits.maxConnections) return this.#refuseConnection('global');
    const state = this.#track(address);
    if (state === undefined) return this.#refuseConnection('bucket_table');
    const { policy } = state;
    if (!policy.anyNumberOfConnections && state.connections >= this.limits.maxConnectionsPerAddress) {
      return this.#refuseConnection('connection');
    }
    if (!policy.exempt) {
      const next = this.#connects.take(state.connectsFullAtMs, 1, nowMs);
      if (next === REFUSED) return this.#refuseConnection('connection');
      if (nowMs < this.#startupEndsMs && !this.#startup.take(1, nowMs))
        return this.#refuseConnection('global');
      state.connectsFullAtMs = next;
    }
    this.#addresses.connect(state);
    this.#connections += 1;
    return { admitted: true, state };
  }

  /** Gives an admitted connection back. */
  release(state: AddressState): void {
    this.#addresses.disconnect(state);
    this.#connections -= 1;
  }

  /**
   * Charges an address for `requests` requests that arrived together: all of them are served, or none. This is the hot
   * path: arithmetic on numbers that exist, no allocation.
   */
  charge(state: AddressState, requests: number, nowMs: number): Charge {
    if (state.policyEdition !== this.#policyEdition) this.#choosePolicy(state);
    const next = state.policy.requests.take(state.requestsFullAtMs, requests, nowMs);
    if (next === REFUSED) return this.#refuse(state, requests, nowMs, 'ip');
    if (this.#allRequests !== undefined && !state.policy.exempt && !this.#allRequests.take(requests, nowMs)) {
      return this.#refuse(state, requests, nowMs, 'global');
    }
    state.requestsFullAtMs = next;
    return CHARGE_SERVE;
  }

  /** In how many milliseconds `requests` requests of this address could be served; at least 1. */
  retryAfterMs(state: AddressState, requests: number, nowMs: number): number {
    const own = state.policy.requests.waitMs(state.requestsFullAtMs, requests, nowMs);
    const shared = state.policy.exempt ? 0 : (this.#allRequests?.waitMs(requests, nowMs) ?? 0);
    return Math.max(1, own, shared);
  }

  /**
   * Whether an address may register a key that the registry does not know. If not, the answer is
   * {@link tooManyRegistrationsText}.
   */
  admitRegistration(state: AddressState, nowMs: number): boolean {
    if (state.policyEdition !== this.#policyEdition) this.#choosePolicy(state);
    if (state.policy.exempt) return true;
    const next = this.#registrations.take(state.registrationsFullAtMs, 1, nowMs);
    if (next === REFUSED) {
      this.#denied.ip += 1;
      return false;
    }
    state.registrationsFullAtMs = next;
    return true;
  }

  /** In how many milliseconds this address may register a new key; at least 1. */
  registrationRetryAfterMs(state: AddressState, nowMs: number): number {
    return Math.max(1, this.#registrations.waitMs(state.registrationsFullAtMs, 1, nowMs));
  }

  /**
   * Whether an address may look up this node id: it must stay within its number of different ids per minute
   * (B-28a). If not, the answer is {@link TOO_MANY_LOOKUPS_TEXT}, until the minute is over.
   */
  admitLookup(state: AddressState, nodeId: number, nowMs: number): boolean {
    if (state.policyEdition !== this.#policyEdition) this.#choosePolicy(state);
    if (state.policy.exempt) return true;
    state.lookups ??= new DistinctCounter();
    if (state.lookups.count(this.#lookups, nodeId, nowMs)) return true;
    this.#denied.ip += 1;
    return false;
  }

  /** In how many milliseconds this address may look up again; at least 1. */
  lookupRetryAfterMs(state: AddressState, nowMs: number): number {
    return Math.max(1, state.lookups?.waitMs(nowMs) ?? 0);
  }

  #refuseConnection(kind: DenialKind): ConnectionVerdict {
    this.#denied[kind] += 1;
    return REFUSALS[kind];
  }

  #refuse(state: AddressState, requests: number, nowMs: number, kind: DenialKind): Charge {
    const next = this.#refusals.take(state.refusalsFullAtMs, requests, nowMs);
    if (next === REFUSED) return CHARGE_PAUSE;
    state.refusalsFullAtMs = next;
    this.#denied[kind] += requests;
    return CHARGE_REFUSE;
  }

  /** The state of an address, new if need be; undefined when there is no room. */
  #track(address: string): AddressState | undefined {
    // What the system can't name is one more address, shared by all that it can't name.
    const words = parseIp(address) ?? UNKNOWN_ADDRESS;
    // A listed source is counted apart from its neighbours in the same /64.
    const grouped = words.length === 8 && this.#whitelist.rateOf(words) === undefined && !isLoopback(words);
    const key = grouped ? prefixKey(words, IPV6_GROUP_BITS) : prefixKey(words, words.length * 16);
    const known = this.#addresses.find(key);
    if (known !== undefined) {
      if (known.policyEdition !== this.#policyEdition) this.#choosePolicy(known);
      return known;
    }
    const first = grouped ? [...words.slice(0, IPV6_GROUP_BITS / 16), 0, 0, 0, 0] : words;
    const state = new AddressState(key, first, this.#policyOf(first), this.#policyEdition);
    return this.#addresses.add(state) ? state : undefined;
  }

  #choosePolicy(state: AddressState): void {
    const policy = this.#policyOf(state.words);
    // A debt at another rate says nothing about this one.
    if (policy.requests.msPerToken !== state.policy.requests.msPerToken) state.requestsFullAtMs = 0;
    state.policy = policy;
    state.policyEdition = this.#policyEdition;
  }

  #policyOf(words: IpWords): AddressPolicy {
    if (!this.#enabled) return UNLIMITED;
    const rate = this.#whitelist.rateOf(words);
    if (rate !== undefined) return this.#listedPolicy(rate);
    return isLoopback(words) && !this.#limitLoopback ? LOOPBACK : this.#ordinary;
  }

  #listedPolicy(rate: number): AddressPolicy {
    const known = this.#listed.get(rate);
    if (known !== undefined) return known;
    // Two seconds' worth at once, as for everybody else.
    const policy = { requests: TokenRate.of(rate, rate * 2), exempt: true, anyNumberOfConnections: true };
    this.#listed.set(rate, policy);
    return policy;
  }
}
