/** The books of a run, written while it goes on and read by the checkers. */

import type { CoordinationEvents, Digest } from '@muster/coordination';

/** How one wish of a runtime ended. */
export type WishOutcome =
  | { readonly kind: 'got'; readonly ms: number }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly attempts: number };

export interface Wish {
  readonly host: string;
  readonly digest: Digest;
  outcome: WishOutcome | undefined;
  /** Codes of the failed attempts. */
  readonly codes: string[];
}

/** Pullers that one run of the cascade has got going. */
export interface RunRecord {
  readonly host: string;
  readonly digest: Digest;
  readonly accepted: Set<string>;
}

export class Ledger {
  readonly wishes: Wish[] = [];
  readonly runs: RunRecord[] = [];
  /** What must not be: broken invariants as they were seen. */
  readonly violations: string[] = [];
  readonly outcomes = new Map<string, number>();
  readonly topics = new Map<string, number>();
  readonly pullsStarted = new Map<Digest, number>();
  readonly pullers = new Map<Digest, string[]>();
  readonly peaks = new Map<string, number>();

  wish(host: string, digest: Digest): Wish {
    const wish: Wish = { host, digest, outcome: undefined, codes: [] };
    this.wishes.push(wish);
    return wish;
  }

  violated(what: string): void {
    if (this.violations.length < 100) this.violations.push(what);
  }

  /** Notes the largest value that was seen of a quantity. */
  peak(name: string, value: number): void {
    this.peaks.set(name, Math.max(value, this.peaks.get(name) ?? 0));
  }

  happened<Topic extends keyof CoordinationEvents>(
    host: string,
    topic: Topic,
    payload: CoordinationEvents[Topic],
  ): void {
    this.topics.set(topic, (this.topics.get(topic) ?? 0) + 1);
    if (topic === 'coldstart.finished') {
      const { outcome } = payload as CoordinationEvents['coldstart.finished'];
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    }
    if (topic === 'origin.started') {
      const { digest } = payload as CoordinationEvents['origin.started'];
      this.pullsStarted.set(digest, (this.pullsStarted.get(digest) ?? 0) + 1);
      this.pullers.set(digest, [...(this.pullers.get(digest) ?? []), host]);
    }
  }

  count(topic: keyof CoordinationEvents): number {
    return this.topics.get(topic) ?? 0;
  }
}
