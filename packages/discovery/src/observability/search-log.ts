import type { EventBus } from '@muster/core';
import type { DiscoveryEvents } from '../events.ts';

/** A search of this process, without what was searched for. */
export interface SearchEntry {
  readonly query: string;
  readonly side: 'node' | 'indexer';
  readonly startedAt: number;
  readonly hits: number;
  readonly endedAt?: number;
  readonly reason?: string;
}

/** Running searches at most; more are not shown. The servers bound theirs lower. */
const MAX_RUNNING = 512;
const MAX_ENDED = 64;

/** Which searches run, and the last that ended, as the events tell. `now` is the date in milliseconds. */
export class SearchLog {
  readonly #running = new Map<string, SearchEntry>();
  #ended: readonly SearchEntry[] = [];
  readonly #stop: () => void;

  constructor(events: EventBus<DiscoveryEvents>, now: () => number) {
    const key = ({ side, query }: { readonly side: string; readonly query: string }): string =>
      `${side} ${query}`;
    const stops = [
      events.on('search.started', ({ payload }) => {
        const { side, query } = payload;
        if (this.#running.size < MAX_RUNNING) {
          this.#running.set(key(payload), { query, side, startedAt: now(), hits: 0 });
        }
      }),
      events.on('search.hits', ({ payload }) => {
        const entry = this.#running.get(key(payload));
        if (entry !== undefined)
          this.#running.set(key(payload), { ...entry, hits: entry.hits + payload.hits });
      }),
      events.on('search.ended', ({ payload }) => {
        const entry = this.#running.get(key(payload));
        this.#running.delete(key(payload));
        if (entry === undefined) return;
        const { hits, reason } = payload;
        this.#ended = [{ ...entry, hits, reason, endedAt: now() }, ...this.#ended].slice(0, MAX_ENDED);
      }),
    ];
    this.#stop = () => stops.forEach((stop) => stop());
  }

  get running(): readonly SearchEntry[] {
    return [...this.#running.values()];
  }

  /** Newest first. */
  get ended(): readonly SearchEntry[] {
    return this.#ended;
  }

  stop(): void {
    this.#stop();
  }
}
