/**
 * The searches that run for this process's users (discovery spec 16.2): at most one a user, each with an idle time-out
 * that results restart and a hard cap (DEF-63). Entries are found by their exact user or exact key, so that no user's
 * name can reach another's search (DEF-67). A plain state machine; times are of a monotonic clock, in milliseconds.
 */

import type { Random } from '@muster/core';

/** Why the tracker ended a search. */
export type TrackerEnd = 'replaced' | 'idle' | 'limit' | 'cancelled';

export interface SearchTrackerOptions {
  readonly random: Random;
  /** A search without a result for this long is over. */
  readonly idleMs: number;
  /** A search is over after this long, whatever comes. */
  readonly maxMs: number;
}

interface Entry {
  readonly key: string;
  readonly user: string;
  readonly onEnd: (reason: TrackerEnd) => void;
  readonly endsAt: number;
  idleAt: number;
}

/** One kind of search: peer searches and resource searches have a tracker each. */
export class SearchTracker {
  readonly #options: SearchTrackerOptions;
  readonly #byUser = new Map<string, Entry>();
  readonly #byKey = new Map<string, Entry>();

  constructor(options: SearchTrackerOptions) {
    this.#options = options;
  }

  /** Searches that run. */
  get size(): number {
    return this.#byKey.size;
  }

  /**
   * Begins a search and ends the one that the user had. `onEnd` hears once when the tracker ends it, not when it is
   * {@link finish}ed. Returns the key that late results are recognised by.
   */
  register(user: string, now: number, onEnd: (reason: TrackerEnd) => void): string {
    this.cancelUser(user, 'replaced');
    const { random, idleMs, maxMs } = this.#options;
    const key = `${user}:${uuidV4(random.bytes(16))}`;
    const entry: Entry = { key, user, onEnd, endsAt: now + maxMs, idleAt: now + idleMs };
    this.#byUser.set(user, entry);
    this.#byKey.set(key, entry);
    return key;
  }

  isActive(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Restarts the idle time-out. False when the search is over: its result is late and is dropped. */
  resetIdle(key: string, now: number): boolean {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return false;
    entry.idleAt = now + this.#options.idleMs;
    return true;
  }

  /** Ends the user's search, if there is one. */
  cancelUser(user: string, reason: TrackerEnd = 'cancelled'): boolean {
    return this.#end(this.#byUser.get(user), reason);
  }

  /** Ends the search with this key, if it runs. */
  cancelKey(key: string): boolean {
    return this.#end(this.#byKey.get(key), 'cancelled');
  }

  /** The search has ended by itself; `onEnd` is not called. */
  finish(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  /** When the search ends unless something comes; undefined when it is over. */
  deadline(key: string): number | undefined {
    const entry = this.#byKey.get(key);
    return entry === undefined ? undefined : Math.min(entry.idleAt, entry.endsAt);
  }

  /** Ends what is due. */
  expire(now: number): void {
    for (const entry of this.#byKey.values()) {
      if (entry.endsAt <= now) this.#end(entry, 'limit');
      else if (entry.idleAt <= now) this.#end(entry, 'idle');
    }
  }

  #end(entry: Entry | undefined, reason: TrackerEnd): boolean {
    if (entry === undefined) return false;
    this.#remove(entry);
    entry.onEnd(reason);
    return true;
  }

  #remove(entry: Entry): void {
    this.#byKey.delete(entry.key);
    this.#byUser.delete(entry.user);
  }
}

function uuidV4(bytes: Uint8Array): string {
  const marked = Uint8Array.from(bytes);
  marked[6] = ((marked[6] ?? 0) & 0x0f) | 0x40;
  marked[8] = ((marked[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(marked).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
