import { quote } from '../wire/go-text.ts';
import { breakerErrors } from './errors.ts';

/** The breakers, and the request types that each of them guards (spec section 3.2). */
export const BREAKER_GUARDS = {
  'registry.register': ['register'],
  'registry.heartbeat': ['heartbeat'],
  'registry.resolve': ['lookup', 'resolve', 'resolve_hostname', 'list_networks', 'list_nodes'],
  'registry.punch': ['punch'],
  'registry.deregister': ['deregister'],
  'registry.trust': ['report_trust', 'revoke_trust', 'check_trust'],
  'registry.handshake': ['request_handshake', 'poll_handshakes', 'respond_handshake'],
  'registry.invite': ['invite_to_network', 'poll_invites', 'respond_invite'],
  'registry.network_admin': [
    'create_network',
    'delete_network',
    'join_network',
    'leave_network',
    'rename_network',
  ],
  'registry.beacon_register': ['beacon_register', 'beacon_list'],
  'beacon.discover': [],
  'beacon.punch': [],
  'beacon.relay': [],
  'snapshot.write': [],
  'dashboard.public_stats': [],
  'dashboard.verify': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The name of a breaker. */
export type BreakerName = keyof typeof BREAKER_GUARDS;

/** Only `open` refuses calls; `half_open` is a remark for the operator. */
export type BreakerState = 'closed' | 'half_open' | 'open';

/** What an operator sets. */
export interface BreakerSetting {
  readonly state: BreakerState;
  readonly reason: string;
}

/** Whether there is a breaker of this name. */
export function isBreakerName(name: string): name is BreakerName {
  return Object.hasOwn(BREAKER_GUARDS, name);
}

/**
 * Reads a state. Empty means closed; `half-open` and `halfopen` mean `half_open`.
 * Throws `breaker_state_unknown` for anything else.
 */
export function parseBreakerState(text: string): BreakerState {
  switch (text) {
    case '':
    case 'closed':
      return 'closed';
    case 'half_open':
    case 'half-open':
    case 'halfopen':
      return 'half_open';
    case 'open':
      return 'open';
    default:
      throw breakerErrors.create(
        'breaker_state_unknown',
        `unknown breaker state ${quote(text)} (want closed | half_open | open)`,
      );
  }
}

/**
 * One breaker, and the handle of those it guards. A request costs one property read:
 *
 * ```ts
 * if (breaker.isOpen) return refuse(breaker.deny(now));
 * breaker.allowedTotal += 1;
 * ```
 *
 * Fields are for reading, with the exception of {@link Breaker.allowedTotal}.
 */
export class Breaker {
  readonly name: BreakerName;
  /** Whether calls are refused. */
  isOpen = false;
  state: BreakerState = 'closed';
  reason = '';
  /** Calls let through; the guarded code adds to it, one by one or in batches. */
  allowedTotal = 0;
  deniedTotal = 0;
  /** When the setting last changed, in milliseconds since the epoch; undefined when never. */
  updatedAtMs: number | undefined;
  /** When a call was last refused, in milliseconds since the epoch; undefined when never. */
  lastDeniedAtMs: number | undefined;
  #refusal = '';

  constructor(name: BreakerName) {
    this.name = name;
  }

  /** Counts a refused call and returns its error text: `service unavailable: breaker "<name>" is open (<reason>)`. */
  deny(nowMs: number): string {
    this.deniedTotal += 1;
    this.lastDeniedAtMs = nowMs;
    return this.#refusal;
  }

  /** Throws `breaker_open` when calls are refused, else counts an allowed one. For callers off the hot path. */
  check(nowMs: number): void {
    if (this.isOpen) {
      throw breakerErrors.create('breaker_open', this.deny(nowMs), { details: { breaker: this.name } });
    }
    this.allowedTotal += 1;
  }

  /** Sets state and reason; returns whether anything changed. */
  set(setting: BreakerSetting, nowMs: number): boolean {
    if (setting.state === this.state && setting.reason === this.reason) return false;
    this.state = setting.state;
    this.reason = setting.reason;
    this.updatedAtMs = nowMs;
    const why = setting.reason === '' ? '' : ` (${setting.reason})`;
    this.#refusal = `service unavailable: breaker "${this.name}" is open${why}`;
    this.isOpen = setting.state === 'open';
    return true;
  }
}

const CLOSED: BreakerSetting = { state: 'closed', reason: '' };

/**
 * The operator's switches: a fixed set of breakers, which live as long as the set, so that a handle taken once
 * stays right. They never trip by themselves (spec section 3.2).
 */
export class BreakerSet {
  readonly #byName = new Map<BreakerName, Breaker>();
  readonly #byRequestType = new Map<string, Breaker>();

  constructor() {
    for (const name of Object.keys(BREAKER_GUARDS)) {
      if (!isBreakerName(name)) continue;
      const breaker = new Breaker(name);
      this.#byName.set(name, breaker);
      for (const type of BREAKER_GUARDS[name]) this.#byRequestType.set(type, breaker);
    }
  }

  /** The breaker of a name; always the same object. */
  get(name: BreakerName): Breaker {
    const breaker = this.#byName.get(name);
    if (breaker === undefined) throw unknownBreaker(name);
    return breaker;
  }

  /** The breaker of a name that came from outside; throws `breaker_unknown`. */
  find(name: string): Breaker {
    if (!isBreakerName(name)) throw unknownBreaker(name);
    return this.get(name);
  }

  /** The breaker that guards a request type, if one does. Look it up once per type, not once per request. */
  forRequestType(type: string): Breaker | undefined {
    return this.#byRequestType.get(type);
  }

  /** All breakers in the order of the specification. */
  list(): readonly Breaker[] {
    return [...this.#byName.values()];
  }

  /** Puts a whole set of settings in force: a breaker that is not in it is closed. Returns the names that changed. */
  replaceAll(settings: ReadonlyMap<BreakerName, BreakerSetting>, nowMs: number): readonly BreakerName[] {
    const changed: BreakerName[] = [];
    for (const [name, breaker] of this.#byName) {
      if (breaker.set(settings.get(name) ?? CLOSED, nowMs)) changed.push(name);
    }
    return changed;
  }
}

function unknownBreaker(name: string): Error {
  return breakerErrors.create('breaker_unknown', `unknown breaker ${quote(name)}`);
}
