import type { PeerId } from '../wire/messages.ts';
import { Tally } from './tally.ts';

/**
 * The hard-evidence rule (13.8): an indexer that was shown to lie leaves at once, long before its score would fall
 * below the minimum.
 *
 * Fault model. Liars mix lies with truths, and behave for a day before they begin. Therefore the rule is applied to all
 * verifications together, as the specification has it, and besides to the newest of each kind: a correct answer about
 * fill rates does not outweigh that it denies our registration, nor does the good behaviour of yesterday. Single
 * mistakes of an honest indexer never suffice: three are needed, and more of them than correct answers. Those who
 * testify may lie as well: two who deny a `born_at` convict only if they are not outnumbered by those who confirm it.
 */

/** Verifications that count (13.8): what can be checked, not what is merely slow or silent. */
export type VerificationKind = 'own-challenge' | 'dht-challenge' | 'witness' | 'spot-check';

const LEAST_FAILURES = 3;
/** Newest verdicts of one kind that are judged by themselves. */
const RECENT = 8;

interface BornAtVerdict {
  readonly witness: PeerId;
  readonly at: number;
  readonly isGood: boolean;
}

export class HardEvidence {
  readonly #all = new Tally();
  readonly #recent = new Map<VerificationKind, boolean[]>();
  #bornAt: readonly BornAtVerdict[] = [];
  #forged = false;
  #slandered = 0;

  get ok(): number {
    return this.#all.good;
  }

  get failed(): number {
    return this.#all.checked - this.#all.good;
  }

  add(kind: VerificationKind, isGood: boolean): void {
    this.#all.add(isGood);
    const recent = this.#recent.get(kind) ?? [];
    recent.push(isGood);
    if (recent.length > RECENT) recent.shift();
    this.#recent.set(kind, recent);
  }

  /** A forged record for our own DID: no honest mistake makes one. */
  addForgery(): void {
    this.#forged = true;
  }

  /** As a witness it denies the birth of this many other indexers, against what they tell us. */
  addSlander(indexers: number): void {
    this.#slandered = indexers;
  }

  /** What a witness of our own choice said of `born_at`; the newest word of each witness within the window counts. */
  addBornAt(witness: PeerId, isGood: boolean, now: number, windowMs: number): void {
    this.#bornAt = [
      ...this.#bornAt.filter((verdict) => verdict.witness !== witness && now - verdict.at < windowMs),
      { witness, at: now, isGood },
    ];
  }

  /** The evidence that convicts, in words; undefined while there is none. */
  verdict(now: number, bornAtWindowMs: number): string | undefined {
    if (this.#forged) return 'forged record for our own DID';
    if (this.#slandered > 0) return `as a witness it denies the birth of ${this.#slandered} other indexers`;
    const bornAt = this.#bornAt.filter(({ at }) => now - at < bornAtWindowMs);
    const against = bornAt.filter(({ isGood }) => !isGood).length;
    if (against >= 2 && against > bornAt.length - against) {
      return `${against} witnesses of our own choice saw another born_at`;
    }
    if (convicts(this.ok, this.failed)) {
      return `${round(this.failed)} of ${round(this.#all.checked)} verifications failed`;
    }
    for (const [kind, recent] of this.#recent) {
      const ok = recent.filter(Boolean).length;
      if (convicts(ok, recent.length - ok)) {
        return `${recent.length - ok} of the newest ${recent.length} verifications by ${kind} failed`;
      }
    }
    return undefined;
  }

  fade(): void {
    this.#all.fade();
  }
}

function convicts(ok: number, failed: number): boolean {
  return failed >= LEAST_FAILURES && (1 + ok) / (2 + ok + failed) < 0.5;
}

function round(count: number): number {
  return Math.round(count * 10) / 10;
}
