import type { Clock } from '@muster/core';
import type { ContentDiscoveryAgent } from '../advertise/content-discovery.ts';
import { order } from '../election/hrw.ts';
import type { InFlightMap } from '../inflight/in-flight-map.ts';
import type { NegativeCache } from '../negative-cache/negative-cache.ts';
import type { ClusterMembers } from '../parts.ts';
import type { FileContentStore } from '../store/file-content-store.ts';
import type { Digest } from '../types.ts';
import type { Readiness } from '../ops/readiness.ts';
import type { Engine } from './engine.ts';

export interface DebugParts {
  readonly version: string;
  readonly startedAt: number;
  readonly readiness: () => Readiness;
  readonly listeners: () => object;
  readonly peerId: string;
  readonly p2pAddresses: () => readonly string[];
  readonly members: ClusterMembers;
  readonly discovery: ContentDiscoveryAgent;
  readonly store: FileContentStore;
  readonly inflight: InFlightMap;
  readonly negative: NegativeCache;
  readonly engine: Engine;
  readonly registries: readonly string[];
  readonly clock: Clock;
}

/** What the agent is doing just now, for people; with a digest, also who is asked for it and what is known of it. */
export function debugState(parts: DebugParts, digest: Digest | undefined): object {
  const { members, discovery, store, inflight, negative, engine, clock } = parts;
  const { reason, warning } = parts.readiness();
  return {
    version: parts.version,
    node: members.self(),
    peerId: parts.peerId,
    uptimeSeconds: Math.floor((clock.now() - parts.startedAt) / 1_000),
    ready: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(warning === undefined ? {} : { warning }),
    listeners: parts.listeners(),
    p2pAddresses: parts.p2pAddresses(),
    registries: parts.registries,
    members: {
      running: members.runningCount(),
      snapshot: members.snapshot(),
      bootstrap: members.bootstrapSnapshot().map(({ id }) => id),
    },
    discovery: {
      health: discovery.health(),
      routingTableSize: discovery.routingTableSize,
      routingTableTarget: discovery.routingTableTarget,
      advertised: engine.advertiser.announced,
      toAdvertise: engine.advertiser.pending,
    },
    store: store.stats(),
    sessions: engine.sessions.list().map((session) => ({
      digest: session.request.digest,
      kind: session.request.kind,
      state: session.state,
      source: session.source,
      readers: session.readers,
    })),
    inFlight: inflight.list(clock.now()),
    pulls: engine.pump.load,
    coldStarts: engine.coldStart.running,
    negative: { remembered: negative.length, cooling: negative.coolingEntries(clock.now()) },
    ...(digest === undefined ? {} : { object: objectState(parts, digest) }),
  };
}

function objectState({ members, inflight, negative, engine, clock }: DebugParts, digest: Digest): object {
  const nodes = members.snapshot();
  return {
    digest,
    ranks: order(nodes, digest).map(({ id }) => id),
    inFlight: inflight.lookup(digest, clock.now()) ?? null,
    session: engine.sessions.get(digest)?.state ?? null,
    cooldown: negative.peek(digest, clock.now()) ?? null,
  };
}
