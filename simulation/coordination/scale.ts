/** One simulated byte stands for so many: an image of a gibibyte has eight mebibytes here. */
export const SCALE = 128;

const SECOND_MS = 1_000;

/** Real bytes a second as simulated ones. */
export function scaledRate(bytesPerSecond: number): number {
  return bytesPerSecond / SCALE;
}

/** A line that sends at a rate, one piece after the other. Times are virtual milliseconds. */
export class PacedLine {
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / SECOND_MS;
  }

  /** Takes the next place for so many bytes; in how many milliseconds the last of them has left. */
  take(bytes: number, now: number): number {
    this.#freeAt = Math.max(now, this.#freeAt) + bytes / this.#bytesPerMs;
    return this.#freeAt - now;
  }
}
