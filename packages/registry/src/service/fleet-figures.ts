import type { DurabilityFigures, FleetFigures, LazyEvent } from '../http/index.ts';
import type { Registry } from '../registry.ts';
import type { FeedEntry } from './event-feed.ts';
import { eventView, nodePage, seenPage } from './node-views.ts';

/** What the HTTP interface tells administrators of the nodes. */
export function fleetFigures(registry: Registry): FleetFigures {
  const beacon = (): string => registry.engine?.options.policy.beaconAddress ?? '';
  const lazily = (entries: readonly FeedEntry[]): readonly LazyEvent[] => {
    const { directory, store } = registry;
    if (directory === undefined || store === undefined) return [];
    return entries.map((entry) => () => eventView(directory, entry, store.log.durableSeq, beacon()));
  };
  return {
    nodePage: async (from, limit) => {
      const { directory, store } = registry;
      if (directory === undefined || store === undefined) return { nodes: [], next: undefined };
      const page = nodePage(directory, from, limit, beacon());
      await store.whenDurable(store.log.appendedSeq);
      return page;
    },
    seenPage: (since, from, limit) =>
      registry.directory === undefined
        ? { seen: [], next: undefined }
        : seenPage(registry.directory, since, from, limit),
    nodesTotal: () => registry.directory?.nodes.liveCount ?? 0,
    onlineSince: () => Math.floor((registry.clock.now() - registry.staleThresholdMs) / 1000),
    staleAfterSeconds: registry.staleThresholdMs / 1000,
    durability: () => durabilityOf(registry),
    requestsTotal: () => registry.engine?.requestsTotal ?? 0,
    get lastEventId() {
      return registry.feed.lastSeq;
    },
    eventsSince: (id) => {
      const entries = registry.feed.since(id);
      return entries === undefined ? undefined : lazily(entries);
    },
    onEvents: (listener) => registry.feed.on((entries) => listener(lazily(entries))),
  };
}

function durabilityOf({ store, durability }: Registry): DurabilityFigures {
  const stats = store?.logStats;
  return {
    mode: durability,
    appliedSeq: store?.log.appendedSeq ?? 0,
    durableSeq: store?.log.durableSeq ?? 0,
    lastSyncAtMs: stats?.lastSyncAt,
    lastSyncDurationMs: stats?.lastSyncDurationMs ?? 0,
    logBytes: stats?.logBytes ?? 0,
    lastSnapshotAtMs: stats?.lastSnapshot?.createdAt,
    lastSnapshotBytes: stats?.lastSnapshot?.bytes,
    lastSnapshotSeq: stats?.lastSnapshot?.seq,
    isFailed: stats?.failed ?? false,
  };
}
