/**
 * Which origin pull is next (coordination spec 15.8), as a model: a number of slots, a bounded queue before them. Whatever
 * strangers ask for, no more than `slots + capacity` pulls are known here, and none of them waits for ever behind others.
 */

import type { Digest, ObjectKind } from '../types.ts';

/** A pull that waits longer goes to the front, in milliseconds. */
export const AGING_MS = 10_000;

export interface PullRequest {
  readonly digest: Digest;
  readonly kind: ObjectKind;
  /** Bytes, as far as known. */
  readonly size: number | undefined;
  /** Nobody waits for it yet. */
  readonly isPrefetch: boolean;
}

interface Waiting<Pull extends PullRequest> {
  readonly pull: Pull;
  readonly since: number;
  readonly order: number;
  isPrefetch: boolean;
}

const KIND_ORDER: Readonly<Record<ObjectKind, number>> = { manifest: 0, config: 1, blob: 2 };

/** The queue. Times are milliseconds of a clock that never goes back. */
export class PullQueue<Pull extends PullRequest> {
  readonly #slots: number;
  readonly #capacity: number;
  #waiting: Waiting<Pull>[] = [];
  #running = 0;
  #order = 0;

  constructor(options: { readonly slots: number; readonly capacity: number }) {
    this.#slots = options.slots;
    this.#capacity = options.capacity;
  }

  get running(): number {
    return this.#running;
  }

  /** The gauge `gantry_pull_queue`. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a slot, or a place in the queue, or neither. */
  admit(pull: Pull, now: number): 'running' | 'waiting' | 'full' {
    if (this.#running < this.#slots) {
      this.#running += 1;
      return 'running';
    }
    if (this.#waiting.length >= this.#capacity) return 'full';
    this.#waiting.push({ pull, since: now, order: this.#order++, isPrefetch: pull.isPrefetch });
    return 'waiting';
  }

  /** A running pull has ended: the one that takes its slot. */
  finished(now: number): Pull | undefined {
    this.#running -= 1;
    let best: Waiting<Pull> | undefined;
    for (const waiting of this.#waiting) {
      if (best === undefined || compare(waiting, best, now) < 0) best = waiting;
    }
    if (best === undefined) return undefined;
    this.#waiting.splice(this.#waiting.indexOf(best), 1);
    this.#running += 1;
    return best.pull;
  }

  /** Somebody waits for the object now: a queued prefetch of it becomes a pull like others. */
  urge(digest: Digest): void {
    for (const waiting of this.#waiting) if (waiting.pull.digest === digest) waiting.isPrefetch = false;
  }

  /** Empties the queue, and gives what was in it. */
  drop(): readonly Pull[] {
    const dropped = this.#waiting.map(({ pull }) => pull);
    this.#waiting = [];
    return dropped;
  }
}

function compare(a: Waiting<PullRequest>, b: Waiting<PullRequest>, now: number): number {
  const isOld = ({ since }: Waiting<PullRequest>): boolean => now - since > AGING_MS;
  if (isOld(a) || isOld(b)) return isOld(a) && isOld(b) ? a.order - b.order : isOld(a) ? -1 : 1;
  return (
    Number(a.isPrefetch) - Number(b.isPrefetch) ||
    KIND_ORDER[a.pull.kind] - KIND_ORDER[b.pull.kind] ||
    sizeRank(a.pull) - sizeRank(b.pull) ||
    a.order - b.order
  );
}

/** Only blobs are ordered by size. */
function sizeRank({ kind, size }: PullRequest): number {
  return kind === 'blob' ? (size ?? Number.MAX_SAFE_INTEGER) : 0;
}
