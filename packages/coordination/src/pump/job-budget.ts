/** How long an origin pull may take (coordination spec 15.7), as a model. */

export const DEFAULT_BUDGET_MS = 300_000;
export const MAX_BUDGET_MS = 1_800_000;
const BYTES_PER_SECOND = 10_485_760;
const EXTENSION_BYTES = 52_428_800;

/** The budget of one pull. */
export class JobBudget {
  #size: number | undefined;
  #received = 0;

  /** The size has become known. */
  sizeKnown(bytes: number): void {
    this.#size = bytes;
  }

  /** So many bytes are here, in all. */
  received(bytes: number): void {
    this.#received = Math.max(this.#received, bytes);
  }

  /** Milliseconds from the start of the pull to its end, as things stand. */
  get totalMs(): number {
    const earned =
      this.#size === undefined
        ? Math.floor(this.#received / EXTENSION_BYTES) * DEFAULT_BUDGET_MS
        : Math.floor(this.#size / BYTES_PER_SECOND) * 1_000;
    return Math.min(MAX_BUDGET_MS, DEFAULT_BUDGET_MS + earned);
  }
}
