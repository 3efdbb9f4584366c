const INTERVAL_MS = 10_000;
const MAX_NODES = 4096;

/**
 * Decides which differences of rank are logged: one per node and ten seconds (coordination spec 7.4). Every difference is
 * counted; a node with another view would otherwise fill the log with one line per digest.
 */
export class MismatchLimiter {
  readonly #loggedAt = new Map<string, number>();

  /** True when this one is to be logged. `now` is of a monotonic clock. */
  admit(nodeId: string, now: number): boolean {
    const last = this.#loggedAt.get(nodeId);
    if (last !== undefined && now - last < INTERVAL_MS) return false;
    this.#loggedAt.delete(nodeId);
    if (this.#loggedAt.size >= MAX_NODES) {
      const oldest = this.#loggedAt.keys().next();
      if (oldest.done !== true) this.#loggedAt.delete(oldest.value);
    }
    this.#loggedAt.set(nodeId, now);
    return true;
  }
}
