import type { SimNetwork } from '../network/index.ts';

/** How long a verdict is taken over by others: less than the tolerance that expiries have. */
const FRESH_MS = 2_000;

interface Verdict {
  readonly isValid: boolean;
  readonly at: number;
}

/**
 * What the rules have said of a value, shared by the simulated servers: a value goes to twenty holders within a moment,
 * the rules are the same function everywhere, and checking a signature is most of what a simulated put costs. Values
 * are told apart as objects: nothing changes their bytes.
 */
export class DhtVerdicts {
  static readonly #byNetwork = new WeakMap<SimNetwork, DhtVerdicts>();
  readonly #valid = new WeakMap<Uint8Array, Map<string, Verdict>>();
  readonly #better = new WeakMap<Uint8Array, WeakMap<Uint8Array, Uint8Array>>();

  /** Those of one network. */
  static of(network: SimNetwork): DhtVerdicts {
    let verdicts = this.#byNetwork.get(network);
    if (verdicts === undefined) {
      verdicts = new DhtVerdicts();
      this.#byNetwork.set(network, verdicts);
    }
    return verdicts;
  }

  isValid(key: string, value: Uint8Array, now: number, check: () => boolean): boolean {
    let byKey = this.#valid.get(value);
    if (byKey === undefined) {
      byKey = new Map();
      this.#valid.set(value, byKey);
    }
    const known = byKey.get(key);
    if (known !== undefined && now - known.at < FRESH_MS) return known.isValid;
    const isValid = check();
    byKey.set(key, { isValid, at: now });
    return isValid;
  }

  /** The better one of valid values; of two, remembered. */
  better(key: string, values: readonly Uint8Array[], select: () => number): Uint8Array | undefined {
    const [a, b] = values;
    if (a === undefined || b === undefined || values.length !== 2) return values[select()];
    const known = this.#better.get(a)?.get(b);
    if (known !== undefined) return known;
    const best = values[select()];
    const ofA = this.#better.get(a) ?? new WeakMap<Uint8Array, Uint8Array>();
    this.#better.set(a, ofA);
    if (best !== undefined) ofA.set(b, best);
    return best;
  }
}
