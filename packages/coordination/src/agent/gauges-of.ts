import type { Clock } from '@muster/core';
import type { ContentDiscoveryAgent } from '../advertise/content-discovery.ts';
import type { MetricsGauges } from '../ops/gauges.ts';
import type { ClusterMembers } from '../parts.ts';
import type { FileContentStore } from '../store/file-content-store.ts';
import type { Engine, EngineParts } from './engine.ts';

export interface GaugeParts {
  readonly engine: Engine;
  readonly shared: Pick<EngineParts, 'inflight' | 'negative'>;
  readonly store: Pick<FileContentStore, 'stats'>;
  readonly members: ClusterMembers;
  readonly discovery: Pick<ContentDiscoveryAgent, 'health' | 'routingTableSize'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Where the gauges of an agent get their values from. */
export function gaugesOf({ engine, shared, store, members, discovery, clock }: GaugeParts): MetricsGauges {
  return {
    inFlightPulls: () => shared.inflight.length,
    negativeEntries: () => shared.negative.coolingEntries(clock.now()),
    health: () => discovery.health(),
    pullQueue: () => engine.pump.load.waiting,
    storeBytes: () => store.stats().usedBytes,
    storeEntries: () => store.stats().objects,
    members: () => ({
      ready: members.snapshot().length,
      bootstrap: members.bootstrapSnapshot().length,
      running: members.runningCount(),
    }),
    routingTableSize: () => discovery.routingTableSize,
    advertisedDigests: () => engine.advertiser.announced,
    sessions: () => engine.sessions.counts(),
  };
}
