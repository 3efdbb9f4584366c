/** Checks of one kind and how many of them went well. */
export class Tally {
  checked: number;
  good: number;

  constructor(checked = 0, good = 0) {
    this.checked = checked;
    this.good = good;
  }

  add(isGood: boolean, weight = 1): void {
    this.checked += weight;
    if (isGood) this.good += weight;
  }

  /** Share of good ones; 1 while nothing was checked (13.3). */
  get ratio(): number {
    return this.checked === 0 ? 1 : this.good / this.checked;
  }

  /** Halves what is remembered, once there is enough of it that the share survives (13.3, F:52). */
  fade(): void {
    if (this.checked <= KEPT_WHOLE) return;
    this.checked /= 2;
    this.good /= 2;
  }
}

/** Up to this many checks nothing is forgotten. */
const KEPT_WHOLE = 20;
