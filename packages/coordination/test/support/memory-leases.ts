import { coreErrors, type Lease, type LeaseAnswer, type Leases } from '@muster/core';
import type { ManualClock } from '@muster/core/testing';

interface Held {
  readonly peer: string;
  readonly token: number;
  renewedAt: number;
}

export const TTL_MS = 10_000;

/** An authority in memory. Leases are not renewed by themselves: `renews` says for whom they are, always. */
export class MemoryLeases {
  readonly renews = new Set<string>();
  readonly asked: { readonly peer: string; readonly resource: string; readonly notwithstanding?: unknown }[] =
    [];
  isReachable = true;
  readonly #clock: ManualClock;
  readonly #held = new Map<string, Held>();
  readonly #done = new Map<string, { readonly peer: string; readonly token: number }>();
  #token = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** Who holds it now. */
  holder(resource: string): string | undefined {
    const held = this.#held.get(resource);
    return held !== undefined && this.#isRunning(held) ? held.peer : undefined;
  }

  /** Who has done it last. */
  doneBy(resource: string): string | undefined {
    return this.#done.get(resource)?.peer;
  }

  /** Gives the lease to a peer, whoever has it. */
  give(resource: string, peer: string): void {
    this.#done.delete(resource);
    this.#held.set(resource, { peer, token: ++this.#token, renewedAt: this.#clock.monotonic() });
  }

  /** Ends it. */
  end(resource: string, outcome?: 'done'): void {
    const held = this.#held.get(resource);
    this.#held.delete(resource);
    if (outcome === 'done' && held !== undefined) this.#done.set(resource, held);
  }

  /** As a peer sees it. */
  of(peer: string): Leases {
    return {
      acquire: async (resource, { signal, notwithstanding }): Promise<LeaseAnswer> => {
        signal?.throwIfAborted();
        this.asked.push({ peer, resource, ...(notwithstanding === undefined ? {} : { notwithstanding }) });
        if (!this.isReachable) throw coreErrors.create('LEASE_UNAVAILABLE', 'out of reach');
        const held = this.#held.get(resource);
        if (held !== undefined && held.peer !== peer && this.#isRunning(held)) {
          const remainingMs = held.renewedAt + TTL_MS - this.#clock.monotonic();
          return { kind: 'held', holder: held.peer, epoch: 1, token: held.token, remainingMs };
        }
        const done = this.#done.get(resource);
        if (done !== undefined && done.peer !== peer && notwithstanding?.token !== done.token) {
          return { kind: 'done', holder: done.peer, epoch: 1, token: done.token };
        }
        this.give(resource, peer);
        return { kind: 'granted', lease: this.#lease(resource, peer) };
      },
    };
  }

  #isRunning({ peer, renewedAt }: Held): boolean {
    return this.renews.has(peer) || this.#clock.monotonic() < renewedAt + TTL_MS;
  }

  #lease(resource: string, peer: string): Lease {
    const held = this.#held.get(resource) as Held;
    const lost = new AbortController();
    let isEnded = false;
    const isHeld = (): boolean => !isEnded && this.#held.get(resource) === held && this.#isRunning(held);
    const watch = this.#clock.every(500, () => {
      if (isHeld()) return;
      watch.cancel();
      if (!isEnded) lost.abort(coreErrors.create('LEASE_UNAVAILABLE', 'the lease is lost'));
    });
    return {
      resource,
      epoch: 1,
      token: held.token,
      ttlMs: TTL_MS,
      lost: lost.signal,
      isHeld,
      release: async (outcome) => {
        isEnded = true;
        watch.cancel();
        if (this.#held.get(resource) !== held) return;
        this.#held.delete(resource);
        if (outcome === 'done') this.#done.set(resource, { peer, token: held.token });
      },
    };
  }
}
