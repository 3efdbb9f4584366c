/** Evidence that moves the confidence in an indexer (13.8), with its weight for and against. */
const WEIGHTS = {
  heartbeat: { good: 0.2, bad: 1 },
  'own-challenge': { good: 1, bad: 2 },
  'dht-challenge': { good: 1, bad: 2 },
  witness: { good: 0.5, bad: 1.5 },
  bandwidth: { good: 0.2, bad: 0.5 },
  'spot-check': { good: 1, bad: 3 },
  'cached-score': { good: 0, bad: 0.5 },
  /** One of those whom it has suggested was quarantined (14.2). */
  suggestion: { good: 0, bad: 1 },
} as const;

export type ConfidenceEvidence = keyof typeof WEIGHTS;

const HALF_LIFE_HOURS = 24;

/**
 * How far evidence lets us believe an indexer: a beta distribution that begins undecided and forgets with a half-life
 * of a day (13.8). It informs operators; the hard-evidence rule and the score decide.
 */
export class Confidence {
  #alpha = 1;
  #beta = 1;

  get alpha(): number {
    return this.#alpha;
  }

  get beta(): number {
    return this.#beta;
  }

  /** alpha / (alpha + beta), in (0, 1). */
  get value(): number {
    return this.#alpha / (this.#alpha + this.#beta);
  }

  add(kind: ConfidenceEvidence, isGood: boolean, weight = 1): void {
    if (isGood) this.#alpha += WEIGHTS[kind].good * weight;
    else this.#beta += WEIGHTS[kind].bad * weight;
  }

  /** Forgets what full hours take. */
  fade(hours: number): void {
    const kept = 2 ** (-hours / HALF_LIFE_HOURS);
    this.#alpha = 1 + (this.#alpha - 1) * kept;
    this.#beta = 1 + (this.#beta - 1) * kept;
  }
}
