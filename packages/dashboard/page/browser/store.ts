import { useEffect, useState } from 'preact/hooks';
import type { Received } from '../model/live.ts';
import { type Live, NOTHING_YET } from '../model/live.ts';
import { MapLayout } from '../model/map-layout.ts';
import { PeerIndex } from '../model/peer-index.ts';
import type { LiveHolder } from './connection.ts';

/** What the map has to draw again. */
export interface Dirty {
  readonly ids: ReadonlySet<string>;
  readonly isAll: boolean;
}

/**
 * What the page knows, and who wants to hear of it. Events are applied as they come, also while the page is hidden; those who
 * listen hear of them at most once per frame.
 */
export class Store implements LiveHolder {
  live: Live = NOTHING_YET;
  readonly index = new PeerIndex();
  readonly layout = new MapLayout();
  readonly #listeners = new Set<() => void>();
  #dirty = new Set<string>();
  #isAllDirty = true;
  #isScheduled = false;

  changed(received: Extract<Received, { kind: 'changed' }> | undefined): void {
    if (received !== undefined) {
      const { peers, removedPeers } = received;
      this.index.apply(peers, removedPeers);
      if (this.layout.apply(peers, removedPeers)) this.#isAllDirty = true;
      // The gaps of those that have left are not known any more.
      if (removedPeers.length > 0) this.#isAllDirty = true;
      if (!this.#isAllDirty) for (const { id } of peers) this.#dirty.add(id);
    }
    this.notify();
  }

  /** What has changed on the map since the last call. */
  takeDirty(): Dirty {
    const dirty = { ids: this.#dirty, isAll: this.#isAllDirty };
    this.#dirty = new Set();
    this.#isAllDirty = false;
    return dirty;
  }

  /** Calls `listener` before the next frame after each change; returns how to stop that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  notify(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** The sender's time, for ages. */
  now(): number {
    return Date.now() + this.live.skewMs;
  }
}

/** The part of the store that a component shows; it is drawn again when that part is another object. */
export function useStore<T>(store: Store, select: (store: Store) => T): T {
  const [, redraw] = useState(0);
  const value = select(store);
  useEffect(() => {
    let shown = value;
    return store.subscribe(() => {
      const next = select(store);
      if (Object.is(next, shown)) return;
      shown = next;
      redraw((turn) => turn + 1);
    });
  }, [store, value]);
  return value;
}

/** The sender's time, new every second, for ages that grow by themselves. */
export function useNow(store: Store): number {
  const [now, setNow] = useState(() => store.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(store.now()), 1_000);
    return () => clearInterval(timer);
  }, [store]);
  return Math.max(now, store.live.fleet?.at ?? 0);
}
