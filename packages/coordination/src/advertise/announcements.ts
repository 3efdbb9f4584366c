/**
 * What is announced, what is to be announced, and when again (coordination spec 17.5), as a plain model. Records live 48 h in the
 * table and only in the memory of the nodes that hold them, so that they are renewed by age and after churn. Times are
 * milliseconds of a monotonic clock.
 */

import type { Random } from '@muster/core';
import type { Digest } from '../types.ts';

const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
const CHURN_SPREAD_MS = 600_000;

/** On whose account something is announced (17.4). */
export type AnnounceOp = 'cache_reannounce' | 'reconcile' | 'reprovide' | 'cdsub_announce';

export interface DueAnnouncement {
  readonly digest: Digest;
  readonly op: AnnounceOp;
}

interface Pending {
  readonly op: AnnounceOp;
  readonly notBefore: number;
  readonly failures: number;
}

export class Announcements {
  readonly #reprovideAfterMs: number;
  readonly #random: Random;
  /** When each announced digest is to be announced again. */
  readonly #announced = new Map<Digest, number>();
  /** To be announced, in this order. */
  readonly #pending = new Map<Digest, Pending>();
  readonly #running = new Map<Digest, Pending>();

  constructor(reprovideAfterMs: number, random: Random) {
    this.#reprovideAfterMs = reprovideAfterMs;
    this.#random = random;
  }

  /** Digests that others can find here, as far as we know. */
  get announced(): number {
    return this.#announced.size;
  }

  get pending(): number {
    return this.#pending.size + this.#running.size;
  }

  /** Wants a digest announced. False when it is, or is about to be. */
  want(digest: Digest, op: AnnounceOp, now: number): boolean {
    if (this.#announced.has(digest) || this.#pending.has(digest) || this.#running.has(digest)) return false;
    this.#pending.set(digest, { op, notBefore: now, failures: 0 });
    return true;
  }

  /** Forgets a digest. True when it was announced. */
  forget(digest: Digest): boolean {
    this.#pending.delete(digest);
    this.#running.delete(digest);
    return this.#announced.delete(digest);
  }

  /** Everything that is announced or to be. */
  known(): Iterable<Digest> {
    return new Set([...this.#announced.keys(), ...this.#pending.keys(), ...this.#running.keys()]);
  }

  /** Up to `count` announcements that are due; each must be told as done or failed. */
  take(count: number, now: number): readonly DueAnnouncement[] {
    const due: DueAnnouncement[] = [];
    for (const [digest, pending] of this.#pending) {
      if (due.length >= count) break;
      if (pending.notBefore > now) continue;
      this.#pending.delete(digest);
      this.#running.set(digest, pending);
      due.push({ digest, op: pending.op });
    }
    return due;
  }

  /**
   * It was announced, by whomever. The first renewal comes after half the time or later, so that what was announced together
   * does not stay together.
   */
  done(digest: Digest, now: number): void {
    const wasAnnounced = this.#announced.has(digest);
    this.#pending.delete(digest);
    this.#running.delete(digest);
    const share = wasAnnounced ? 1 : 0.5 + this.#random.fraction() / 2;
    this.#announced.set(digest, now + this.#reprovideAfterMs * share);
  }

  /** It could not be announced, and is tried again after 5 s, later 5 min. What was forgotten meanwhile stays so. */
  failed(digest: Digest, now: number): void {
    const pending = this.#running.get(digest);
    if (pending === undefined) return;
    this.#running.delete(digest);
    const failures = pending.failures + 1;
    const pauseMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
    this.#pending.set(digest, { op: pending.op, notBefore: now + pauseMs, failures });
  }

  /** Puts what has grown old into the line. Returns how many. */
  renewOld(now: number): number {
    let renewed = 0;
    for (const [digest, dueAt] of this.#announced) {
      if (dueAt > now || this.#pending.has(digest) || this.#running.has(digest)) continue;
      this.#pending.set(digest, { op: 'reprovide', notBefore: now, failures: 0 });
      renewed += 1;
    }
    return renewed;
  }

  /** The copies of our records may have gone: everything becomes due within the next ten minutes. */
  renewAll(now: number): void {
    for (const [digest, dueAt] of this.#announced) {
      this.#announced.set(digest, Math.min(dueAt, now + this.#random.fraction() * CHURN_SPREAD_MS));
    }
  }
}
