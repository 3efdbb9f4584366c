/** The books of the leases of a run: who believes to have which, and what was read from the origin with and without. */

import type { CoordinationEvents, Digest } from '@muster/coordination';
import type { Lease, Leases } from '@muster/core';
import type { SimProcess } from '../../kernel/index.ts';
import type { Ledger } from '../ledger.ts';

interface Believed {
  readonly host: string;
  readonly process: SimProcess;
  readonly lease: Lease;
}

/** What came about for one object. */
export interface PullCount {
  granted: number;
  /** Leases that were granted in spite of somebody having pulled the object. */
  repeats: number;
  /** Pulls from the origin that have succeeded. */
  succeeded: number;
  /** Of those, by the rules that need no lease. */
  withoutLease: number;
}

export class LeaseBook {
  readonly counts = new Map<Digest, PullCount>();
  held = 0;
  done = 0;
  lost = 0;
  unavailable = 0;
  /** Called with each host that has got a lease. */
  onGranted: (host: string) => void = () => {};
  readonly #ledger: Ledger;
  readonly #believed = new Map<string, Believed[]>();
  /** Hosts that have the lease of an object, or leave to go without: by host and digest. */
  readonly #leave = new Map<string, 'lease' | 'none'>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** The same leases, and whoever has one is noted. Two that believe to have the same one are a broken rule. */
  watch(host: string, process: SimProcess, leases: Leases): Leases {
    return {
      acquire: async (resource, limit) => {
        const answer = await leases.acquire(resource, limit);
        if (answer.kind === 'granted') this.#granted(resource, { host, process, lease: answer.lease });
        return answer;
      },
    };
  }

  count(digest: Digest): PullCount {
    let count = this.counts.get(digest);
    if (count === undefined) {
      count = { granted: 0, repeats: 0, succeeded: 0, withoutLease: 0 };
      this.counts.set(digest, count);
    }
    return count;
  }

  happened(host: string, topic: keyof CoordinationEvents, payload: { readonly digest?: Digest }): void {
    const { digest } = payload;
    if (digest === undefined) return;
    const key = `${host} ${digest}`;
    switch (topic) {
      case 'lease.granted':
        this.count(digest).granted += 1;
        if ((payload as CoordinationEvents['lease.granted']).isRepeat) this.count(digest).repeats += 1;
        this.#leave.set(key, 'lease');
        return;
      case 'lease.unavailable':
        this.unavailable += 1;
        this.#leave.set(key, 'none');
        return;
      case 'lease.held':
        this.held += 1;
        return;
      case 'lease.done':
        this.done += 1;
        return;
      case 'lease.lost':
        this.lost += 1;
        this.#leave.delete(key);
        return;
      case 'lease.released':
        this.#leave.delete(key);
        return;
      case 'origin.started':
        if (!this.#leave.has(key)) this.#ledger.violated(`${host} reads ${digest} without the lease`);
        return;
      case 'origin.succeeded':
        this.count(digest).succeeded += 1;
        if (this.#leave.get(key) === 'none') this.count(digest).withoutLease += 1;
        return;
      default:
    }
  }

  #granted(resource: string, mine: Believed): void {
    const others = (this.#believed.get(resource) ?? []).filter(
      ({ process, lease }) => process.isAlive && lease.isHeld(),
    );
    for (const other of others) {
      if (other.lease.token === mine.lease.token && other.host === mine.host) continue;
      this.#ledger.violated(
        `${mine.host} and ${other.host} have the lease ${resource}: tokens ${mine.lease.token}, ${other.lease.token}`,
      );
    }
    for (const { host, lease } of this.#believed.get(resource) ?? []) {
      if (host !== mine.host && lease.token >= mine.lease.token)
        this.#ledger.violated(
          `the token of ${resource} went back from ${lease.token} to ${mine.lease.token}`,
        );
    }
    this.onGranted(mine.host);
    this.#believed.set(resource, [...(this.#believed.get(resource) ?? []), mine]);
  }
}
