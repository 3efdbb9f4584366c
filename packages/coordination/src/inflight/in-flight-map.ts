/**
 * The origin pulls that run on this node (coordination spec 8.1): one entry per digest, made and looked for in one step, so
 * that two askers of the same instant can never start two pulls. Entries do not expire; whoever starts one ends it.
 */

import type { InFlightEntry } from '../parts.ts';
import type { Digest, ObjectKind } from '../types.ts';

interface Entry {
  startedAt: number;
  kind: ObjectKind;
  totalBytes: number | undefined;
  progressBytes: number;
  lastProgressAt: number;
  isQueued: boolean;
  /** True for a claim that the pump may take over. */
  isOffered: boolean;
  /** Made when somebody wants to hear of the end. */
  ended: PromiseWithResolvers<void> | undefined;
}

/** The holder's side of an entry. After `done`, and for a pull that somebody else has started, all calls do nothing. */
export interface InFlightHandle {
  /** The pull waits for its turn: lookups report that it starts now (8.1, 15.8). */
  queued(): void;
  /** Its turn has come. */
  running(now: number): void;
  /** `bytes` have been received so far, in all. */
  progress(bytes: number, now: number): void;
  /** The size has become known. */
  size(bytes: number): void;
  /** The next `start` of the digest takes the entry over, and this handle with it becomes idle (12.2). */
  offer(): void;
  /** Removes the entry, once. To be called after commit or abort, never before. */
  done(): void;
}

/** What `start` found or made. */
export interface InFlightStart {
  readonly entry: InFlightEntry;
  readonly handle: InFlightHandle;
  /** True when the pull was running already; the handle is then idle. */
  readonly already: boolean;
}

const IDLE: InFlightHandle = { queued() {}, running() {}, progress() {}, size() {}, offer() {}, done() {} };

/** The map. Times are milliseconds of the wall clock, for they go on the wire. */
export class InFlightMap {
  readonly #entries = new Map<Digest, Entry>();

  /** Pulls running or queued here: the gauge `p2p_in_flight_pulls`. */
  get length(): number {
    return this.#entries.size;
  }

  /** The running pull of the digest, or a new one. A size that is not positive is unknown. */
  start(digest: Digest, kind: ObjectKind, size: number, now: number): InFlightStart {
    const present = this.#entries.get(digest);
    if (present !== undefined && !present.isOffered) {
      return { entry: report(present, now), handle: IDLE, already: true };
    }
    const entry: Entry = {
      startedAt: now,
      kind,
      totalBytes: size > 0 ? size : undefined,
      progressBytes: 0,
      lastProgressAt: now,
      isQueued: false,
      isOffered: false,
      ended: undefined,
    };
    this.#entries.set(digest, entry);
    present?.ended?.resolve();
    return { entry: report(entry, now), handle: this.#handle(digest, entry), already: false };
  }

  /**
   * The running pull of the digest. With `now`, one that is queued is reported to start at that time: what has not begun cannot
   * be stalled.
   */
  lookup(digest: Digest, now?: number): InFlightEntry | undefined {
    const entry = this.#entries.get(digest);
    return entry === undefined ? undefined : report(entry, now ?? entry.startedAt);
  }

  /** Resolves when the pull that runs now has ended, or another has taken its place; at once when none runs. */
  async whenDone(digest: Digest): Promise<void> {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    entry.ended ??= Promise.withResolvers();
    await entry.ended.promise;
  }

  /** All running pulls, oldest first, for the debug page. */
  list(now: number): readonly (InFlightEntry & { readonly digest: Digest })[] {
    return [...this.#entries].map(([digest, entry]) => ({ digest, ...report(entry, now) }));
  }

  #handle(digest: Digest, entry: Entry): InFlightHandle {
    const isCurrent = (): boolean => this.#entries.get(digest) === entry;
    return {
      queued: () => {
        entry.isQueued = true;
      },
      running: (now) => {
        entry.isQueued = false;
        entry.startedAt = now;
        entry.lastProgressAt = now;
      },
      progress: (bytes, now) => {
        if (bytes > entry.progressBytes) entry.lastProgressAt = now;
        entry.progressBytes = bytes;
      },
      size: (bytes) => {
        entry.totalBytes = bytes;
      },
      offer: () => {
        entry.isOffered = true;
      },
      done: () => {
        if (!isCurrent()) return;
        this.#entries.delete(digest);
        entry.ended?.resolve();
      },
    };
  }
}

function report(entry: Entry, now: number): InFlightEntry {
  const { kind, totalBytes, progressBytes, lastProgressAt, isQueued } = entry;
  return {
    startedAt: isQueued ? now : entry.startedAt,
    kind,
    totalBytes,
    progressBytes,
    lastProgressAt,
    isQueued,
  };
}
