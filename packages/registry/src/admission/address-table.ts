import type { DistinctCounter } from './distinct-counter.ts';
import type { IpWords } from './ip-address.ts';
import type { TokenRate } from './token-bucket.ts';

/** What an address is allowed; shared by all addresses of a kind. */
export interface AddressPolicy {
  /** Requests. */
  readonly requests: TokenRate;
  /** Whether all other rates and budgets pass it by. */
  readonly exempt: boolean;
  /** Whether the cap on its open connections passes it by. */
  readonly anyNumberOfConnections: boolean;
}

/** What is known of an address. Its buckets are times at which they are full again (see `TokenRate`). */
export class AddressState {
  /** The address, or the /64 it stands for, as a key. */
  readonly key: string;
  /** The address, or the first one of the /64. */
  readonly words: IpWords;
  policy: AddressPolicy;
  /** The edition of the rules that `policy` was chosen by. */
  policyEdition: number;
  /** Open connections. */
  connections = 0;
  requestsFullAtMs = 0;
  refusalsFullAtMs = 0;
  connectsFullAtMs = 0;
  registrationsFullAtMs = 0;
  lookups: DistinctCounter | undefined;
  /** Neighbours among the idle ones; for the table alone. */
  olderIdle: AddressState | undefined;
  newerIdle: AddressState | undefined;

  constructor(key: string, words: IpWords, policy: AddressPolicy, policyEdition: number) {
    this.key = key;
    this.words = words;
    this.policy = policy;
    this.policyEdition = policyEdition;
  }
}

/**
 * The addresses that are tracked: those with connections, and a bounded number of those that had some lately. The
 * longest idle one is forgotten first. All operations are O(1).
 */
export class AddressTable {
  readonly #states = new Map<string, AddressState>();
  readonly #maxTracked: number;
  readonly #maxIdle: number;
  #oldestIdle: AddressState | undefined;
  #newestIdle: AddressState | undefined;
  #idle = 0;
  #forgotten = 0;

  constructor(limits: { readonly maxTrackedAddresses: number; readonly maxIdleAddresses: number }) {
    this.#maxTracked = limits.maxTrackedAddresses;
    this.#maxIdle = limits.maxIdleAddresses;
  }

  /** Addresses that are tracked. */
  get size(): number {
    return this.#states.size;
  }

  /** Those of them without a connection. */
  get idle(): number {
    return this.#idle;
  }

  /** Addresses that were forgotten for want of room, ever. */
  get forgottenTotal(): number {
    return this.#forgotten;
  }

  find(key: string): AddressState | undefined {
    return this.#states.get(key);
  }

  /** Adds an address without connections. False when the table is full of connected ones. */
  add(state: AddressState): boolean {
    if (this.#states.size >= this.#maxTracked && !this.#forgetOldest()) return false;
    this.#states.set(state.key, state);
    this.#pushIdle(state);
    return true;
  }

  /** Counts a connection of a tracked address. */
  connect(state: AddressState): void {
    if (state.connections === 0) this.#unlinkIdle(state);
    state.connections += 1;
  }

  /** Uncounts a connection. */
  disconnect(state: AddressState): void {
    if (state.connections === 0) throw new RangeError(`no connection of ${state.key} is open`);
    state.connections -= 1;
    if (state.connections === 0) this.#pushIdle(state);
  }

  #pushIdle(state: AddressState): void {
    state.olderIdle = this.#newestIdle;
    if (this.#newestIdle === undefined) this.#oldestIdle = state;
    else this.#newestIdle.newerIdle = state;
    this.#newestIdle = state;
    this.#idle += 1;
    // The newest always stays, so that an address that is about to connect is there.
    if (this.#idle > Math.max(this.#maxIdle, 1)) this.#forgetOldest();
  }

  #unlinkIdle(state: AddressState): void {
    const { olderIdle, newerIdle } = state;
    if (olderIdle === undefined) this.#oldestIdle = newerIdle;
    else olderIdle.newerIdle = newerIdle;
    if (newerIdle === undefined) this.#newestIdle = olderIdle;
    else newerIdle.olderIdle = olderIdle;
    state.olderIdle = undefined;
    state.newerIdle = undefined;
    this.#idle -= 1;
  }

  #forgetOldest(): boolean {
    const oldest = this.#oldestIdle;
    if (oldest === undefined) return false;
    this.#unlinkIdle(oldest);
    this.#states.delete(oldest.key);
    this.#forgotten += 1;
    return true;
  }
}
