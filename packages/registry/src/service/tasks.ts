import type { Clock, Logger, TimerHandle, Timers } from '@muster/core';
import type { BreakerSet } from '../breakers/index.ts';
import type { Engine } from '../engine/engine.ts';
import type { SessionHost } from '../server/session-host.ts';
import { endLeases, LEASE_CHECK_INTERVAL_MS } from './ended-leases.ts';
import { Reaper } from './reaper.ts';
import type { RegistryStore } from './store.ts';

const REAPER_INTERVAL_MS = 10_000;
const LAST_SEEN_INTERVAL_MS = 60_000;
const SNAPSHOT_CHECK_INTERVAL_MS = 1_000;
/** A list that nobody has asked for in this time is dropped. */
const LIST_UNUSED_SECONDS = 60;

export interface TaskOptions {
  readonly engine: Engine;
  readonly sessions: SessionHost;
  readonly store: RegistryStore;
  readonly breakers: BreakerSet;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly staleThresholdMs: number;
}

/** Starts what a running registry does by itself; the function that is returned stops it. A failed run is logged. */
export function startTasks(options: TaskOptions): () => void {
  const { engine, sessions, store, clock, timers, logger } = options;
  const handles: TimerHandle[] = [];
  const every = (intervalMs: number, name: string, task: () => Promise<unknown> | void): void => {
    const run = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        logger.error({ error, task: name }, 'a periodic task failed');
      }
    };
    handles.push(timers.every(intervalMs, () => void run()));
  };
  every(sessions.deadlines.tickMs, 'deadlines', () => sessions.tick());
  if (!engine.isStandby) {
    const reaper = new Reaper(engine, clock, timers, Math.ceil(options.staleThresholdMs / 1000));
    every(REAPER_INTERVAL_MS, 'reaper', () => reaper.tick());
    every(LEASE_CHECK_INTERVAL_MS, 'leases', () => void endLeases(engine, clock));
  }
  let saved = newestSignOfLife(engine);
  every(LAST_SEEN_INTERVAL_MS, 'last-seen', async () => {
    const newest = newestSignOfLife(engine);
    if (newest === saved) return;
    await store.writeLastSeen();
    saved = newest;
  });
  every(SNAPSHOT_CHECK_INTERVAL_MS, 'snapshot', async () => {
    engine.lists.sweep(Math.floor(clock.now() / 1000) - LIST_UNUSED_SECONDS);
    if (store.snapshotIsDue && !options.breakers.get('snapshot.write').isOpen) await store.writeSnapshot();
  });
  return () => {
    for (const handle of handles) handle.cancel();
  };
}

function newestSignOfLife(engine: Engine): number {
  const { nodes } = engine.state;
  let newest = 0;
  for (let slot = 0; slot < nodes.usedSlots; slot++)
    newest = Math.max(newest, nodes.lastSeen[slot] as number);
  return newest;
}
