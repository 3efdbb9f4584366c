import { NodeFlag, type NodeTable } from './node-table.ts';

const BUCKET_SECONDS = 10;

/**
 * Finds the nodes that have not been seen for a while, in time proportional to their number (B-26).
 *
 * Each live node waits in the bucket of the time at which it would expire if it were never seen again. Heartbeats do not
 * touch the wheel: when a bucket falls due, a node that was seen meanwhile moves to a later bucket. So a node costs
 * one step per threshold, not one per heartbeat and not one per tick.
 */
export class ExpiryWheel {
  readonly #nodes: NodeTable;
  readonly #thresholdSeconds: number;
  /** First slot + 1 of each bucket; 0 = empty. */
  readonly #heads: Int32Array;
  /** Buckets before this number have been emptied. */
  #cursor: number;
  /** A node counts as seen at this time at the earliest: a server that was down must not reap its fleet. */
  readonly #notBefore: number;

  constructor(nodes: NodeTable, thresholdSeconds: number, nowSeconds: number) {
    this.#nodes = nodes;
    this.#thresholdSeconds = thresholdSeconds;
    this.#heads = new Int32Array(Math.ceil(thresholdSeconds / BUCKET_SECONDS) + 2);
    this.#cursor = Math.floor(nowSeconds / BUCKET_SECONDS);
    this.#notBefore = nowSeconds;
  }

  /** Adds a node that became live. Adding it twice is harmless. */
  add(slot: number): void {
    if (this.#nodes.has(slot, NodeFlag.inWheel)) return;
    this.#nodes.flags[slot] = (this.#nodes.flags[slot] as number) | NodeFlag.inWheel;
    this.#insert(slot);
  }

  /**
   * Collects up to `limit` slots of live nodes that were last seen more than the threshold before `nowSeconds`. They
   * leave the wheel; the caller reaps them, or adds them again.
   */
  collect(nowSeconds: number, limit: number): number[] {
    const expired: number[] = [];
    const due = Math.floor(nowSeconds / BUCKET_SECONDS);
    // Clock jumps: never walk a bucket twice in one call.
    if (due - this.#cursor > this.#heads.length) this.#cursor = due - this.#heads.length;
    while (this.#cursor < due) {
      const bucket = this.#cursor % this.#heads.length;
      if (!this.#drain(bucket, nowSeconds, limit, expired)) return expired;
      this.#cursor++;
    }
    return expired;
  }

  /** Empties a bucket; false when the limit was reached first. */
  #drain(bucket: number, nowSeconds: number, limit: number, expired: number[]): boolean {
    const next = this.#nodes.wheelNext;
    const later: number[] = [];
    let complete = true;
    while (this.#heads[bucket] !== 0) {
      if (expired.length >= limit) {
        complete = false;
        break;
      }
      const slot = (this.#heads[bucket] as number) - 1;
      this.#heads[bucket] = next[slot] as number;
      if (!this.#nodes.has(slot, NodeFlag.live)) this.#leave(slot);
      else if (this.#expiryOf(slot) <= nowSeconds) {
        this.#leave(slot);
        expired.push(slot);
      } else later.push(slot);
    }
    for (const slot of later) this.#insert(slot);
    return complete;
  }

  #leave(slot: number): void {
    this.#nodes.flags[slot] = (this.#nodes.flags[slot] as number) & ~NodeFlag.inWheel;
  }

  #expiryOf(slot: number): number {
    return Math.max(this.#nodes.lastSeen[slot] as number, this.#notBefore) + this.#thresholdSeconds;
  }

  #insert(slot: number): void {
    // One bucket later than the expiry itself, so that a due bucket holds only nodes whose time has fully passed.
    const wanted = Math.floor(this.#expiryOf(slot) / BUCKET_SECONDS);
    const bucket =
      Math.min(Math.max(wanted, this.#cursor), this.#cursor + this.#heads.length - 1) % this.#heads.length;
    this.#nodes.wheelNext[slot] = this.#heads[bucket] as number;
    this.#heads[bucket] = slot + 1;
  }
}
