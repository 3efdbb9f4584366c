/**
 * What the agent gets, and from where, for those who watch: made of events, so that it costs next to nothing, and bounded.
 *
 * Bytes are counted for a source when an attempt at it has ended; what has come since belongs to the source that is asked just now.
 */

import type { Clock, EventBus } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import type { Downloads } from '../parts.ts';
import type { Digest, ObjectKind } from '../types.ts';

/** Pulls that are kept; ended ones make room for new ones, the oldest first. */
export const MAX_LOGGED_PULLS = 256;
const MAX_SOURCES = 32;

/** One object that came, or is coming. Times are milliseconds since the epoch. */
export interface LoggedPull {
  /** `<digest>/<started>` */
  readonly id: string;
  readonly digest: Digest;
  readonly kind: ObjectKind;
  readonly state: 'running' | 'done' | 'failed';
  readonly size?: number;
  readonly received: number;
  /** `origin`, `cache`, or the peer id of a member; its name when no member has it. */
  readonly sources: readonly { readonly from: string; readonly bytes: number }[];
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly reason?: string;
}

/** Bytes since the start. */
export interface PullTotals {
  readonly originBytes: number;
  readonly peerBytes: number;
  /** Served from the own store. */
  readonly cacheBytes: number;
  /** Sent to other members. */
  readonly sentBytes: number;
}

interface Entry {
  readonly id: string;
  readonly digest: Digest;
  kind: ObjectKind;
  state: LoggedPull['state'];
  size: number | undefined;
  received: number;
  readonly counted: Map<string, number>;
  current: string | undefined;
  readonly startedAt: number;
  endedAt: number | undefined;
  reason: string | undefined;
  hasSession: boolean;
}

export interface PullLogParts {
  readonly events: EventBus<CoordinationEvents>;
  readonly clock: Pick<Clock, 'now'>;
  readonly downloads: () => readonly ReturnType<Downloads['list']>[number][];
  /** Peer id of a member by its name; undefined when there is none. */
  readonly peerIdOf: (nodeId: string) => string | undefined;
}

export class PullLog {
  readonly #parts: PullLogParts;
  /** In the order of their beginning. */
  readonly #entries = new Map<string, Entry>();
  readonly #latest = new Map<Digest, Entry>();
  readonly #changed = new Set<Entry>();
  readonly #totals = { originBytes: 0, peerBytes: 0, cacheBytes: 0, sentBytes: 0 };

  constructor(parts: PullLogParts) {
    this.#parts = parts;
    const { events } = parts;
    events.on('session.started', ({ payload }) => {
      this.#begin(payload.digest, payload.kind).hasSession = true;
    });
    events.on('session.finished', ({ payload }) => this.#sessionEnded(payload));
    events.on('origin.started', ({ payload }) => void this.#begin(payload.digest, payload.kind));
    events.on('origin.succeeded', ({ payload }) => this.#count(payload.digest, 'origin', payload.bytes));
    events.on('origin.failed', ({ payload }) => {
      const entry = this.#latest.get(payload.digest);
      if (entry !== undefined && !entry.hasSession) this.#end(entry, 'failed', payload.failureClass);
    });
    events.on('store.committed', ({ payload }) => {
      const entry = this.#latest.get(payload.digest);
      if (entry?.state !== 'running') return;
      entry.size = payload.size;
      entry.received = payload.size;
      this.#end(entry, 'done');
    });
    events.on('peer.fetched', ({ payload }) => {
      this.#totals.peerBytes += payload.bytes;
      if (payload.digest !== undefined) this.#count(payload.digest, payload.peer ?? '', payload.bytes);
    });
    events.on('origin.bytes', ({ payload }) => {
      this.#totals.originBytes += payload.bytes;
    });
    events.on('mirror.served', ({ payload }) => {
      if (payload.source === 'cache') this.#totals.cacheBytes += payload.bytes;
    });
    events.on('transfer.served', ({ payload }) => {
      this.#totals.sentBytes += payload.bytes;
    });
  }

  get totals(): PullTotals {
    return { ...this.#totals };
  }

  /** All that are kept, newest first. */
  list(): readonly LoggedPull[] {
    this.#look();
    return [...this.#entries.values()].toReversed().map((entry) => this.#view(entry));
  }

  /** Those that have changed since the last call. */
  changes(): readonly LoggedPull[] {
    this.#look();
    const changed = [...this.#changed].map((entry) => this.#view(entry));
    this.#changed.clear();
    return changed;
  }

  /** Takes over how far running downloads are. */
  #look(): void {
    for (const download of this.#parts.downloads()) {
      const entry = this.#latest.get(download.digest);
      if (entry?.state !== 'running') continue;
      const { source, size, receivedBytes } = download;
      const current = source === undefined ? undefined : source.kind === 'origin' ? 'origin' : source.nodeId;
      if (entry.received === receivedBytes && entry.size === size && entry.current === current) continue;
      entry.received = receivedBytes;
      entry.size = size;
      entry.current = current;
      this.#changed.add(entry);
    }
  }

  #begin(digest: Digest, kind: ObjectKind): Entry {
    const running = this.#latest.get(digest);
    if (running?.state === 'running') return running;
    const startedAt = this.#parts.clock.now();
    const id = `${digest}/${startedAt}`;
    const entry: Entry = {
      id,
      digest,
      kind,
      state: 'running',
      size: undefined,
      received: 0,
      counted: new Map(),
      current: undefined,
      startedAt,
      endedAt: undefined,
      reason: undefined,
      hasSession: false,
    };
    this.#entries.set(id, entry);
    this.#latest.set(digest, entry);
    this.#changed.add(entry);
    this.#makeRoom();
    return entry;
  }

  #sessionEnded({ digest, outcome, reason }: CoordinationEvents['session.finished']): void {
    const entry = this.#latest.get(digest);
    if (entry === undefined) return;
    entry.hasSession = false;
    if (entry.state !== 'running') return;
    // It was in the store all the time: nothing was pulled.
    if (outcome === 'local' && entry.received === 0 && entry.counted.size === 0) return this.#drop(entry);
    this.#end(entry, outcome === 'failed' ? 'failed' : 'done', reason);
  }

  #count(digest: Digest, from: string, bytes: number): void {
    const entry = this.#latest.get(digest);
    if (entry === undefined || bytes === 0) return;
    if (!entry.counted.has(from) && entry.counted.size >= MAX_SOURCES) return;
    entry.counted.set(from, (entry.counted.get(from) ?? 0) + bytes);
    entry.current = undefined;
    this.#changed.add(entry);
  }

  #end(entry: Entry, state: 'done' | 'failed', reason?: string): void {
    entry.state = state;
    entry.endedAt = this.#parts.clock.now();
    entry.reason = reason;
    this.#changed.add(entry);
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#changed.delete(entry);
    if (this.#latest.get(entry.digest) === entry) this.#latest.delete(entry.digest);
  }

  #makeRoom(): void {
    if (this.#entries.size <= MAX_LOGGED_PULLS) return;
    let oldest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      oldest ??= entry;
      if (entry.state !== 'running') {
        oldest = entry;
        break;
      }
    }
    if (oldest !== undefined) this.#drop(oldest);
  }

  #view(entry: Entry): LoggedPull {
    const { id, digest, kind, state, size, received, counted, current, startedAt, endedAt, reason } = entry;
    const bytes = new Map(counted);
    const rest = received - [...counted.values()].reduce((sum, each) => sum + each, 0);
    if (current !== undefined && rest > 0) bytes.set(current, (bytes.get(current) ?? 0) + rest);
    return {
      id,
      digest,
      kind,
      state,
      ...(size === undefined ? {} : { size }),
      received,
      sources: [...bytes].map(([from, each]) => ({ from: this.#shownSource(from), bytes: each })),
      startedAt,
      ...(endedAt === undefined ? {} : { endedAt }),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  #shownSource(from: string): string {
    return from === 'origin' ? from : (this.#parts.peerIdOf(from) ?? from);
  }
}
