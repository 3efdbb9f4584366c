/** The inner parts of an agent, wired: everything between the listeners, the store and the peer network. */

import type { Clock, EventBus, Leases, Logger, Random, Timers } from '@muster/core';
import { Advertiser } from '../advertise/advertiser.ts';
import type { ContentDiscoveryAgent } from '../advertise/content-discovery.ts';
import { ColdStart } from '../cold-start/cascade.ts';
import type { NodeSettings } from '../config/coordination-config.ts';
import { DescriptorIndex } from '../descriptors/descriptor-index.ts';
import { DownloadRegistry } from '../downloads/download-registry.ts';
import { coordinationErrors } from '../errors.ts';
import type { CoordinationEvents } from '../events.ts';
import { FallbackGate } from '../fallback/fallback-gate.ts';
import { InFlightMap } from '../inflight/in-flight-map.ts';
import { pullLeasing } from '../lease/pull-leasing.ts';
import { HeadLookup } from '../mirror/head-lookup.ts';
import { NegativeCache } from '../negative-cache/negative-cache.ts';
import type { ClusterMembers, ContentStore, Coordinator, OriginAdapter } from '../parts.ts';
import { LocalPrefetch } from '../prefetch/local-prefetch.ts';
import type { ManifestSource } from '../prefetch/manifest-reader.ts';
import { Prefetch } from '../prefetch/prefetch.ts';
import { PullPump } from '../pump/pull-pump.ts';
import { CoordClient } from '../rpc/coord-client.ts';
import { CoordServer } from '../rpc/coord-server.ts';
import type { CoordHooks } from '../rpc/hooks.ts';
import { FetchSessions } from '../sessions/fetch-sessions.ts';
import { ProviderOrder } from '../sessions/provider-order.ts';
import { Suppressions } from '../sessions/suppression.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { ContentSource } from '../source/content-source.ts';
import type { FileContentStore } from '../store/file-content-store.ts';
import type { PeerTransfer } from '../transfer/peer-transfer.ts';
import { gatedStreams } from './gated-streams.ts';
import type { AgentNetwork } from './network.ts';
import { timedCoordinator } from './timed-coordinator.ts';

export interface EngineParts {
  readonly settings: CoordinationSettings;
  readonly coordAllow: NodeSettings['coordAllow'];
  readonly network: Pick<AgentNetwork, 'streams'>;
  readonly members: ClusterMembers;
  readonly discovery: ContentDiscoveryAgent;
  readonly store: FileContentStore;
  readonly origins: ReadonlyMap<string, OriginAdapter>;
  readonly transfer: PeerTransfer;
  readonly inflight: InFlightMap;
  readonly negative: NegativeCache;
  readonly descriptors: DescriptorIndex;
  readonly downloads: DownloadRegistry;
  readonly source: ContentSource | undefined;
  /** Leave to read from an origin, one node at a time. @default by the rules of the original alone */
  readonly leases?: Leases | undefined;
  readonly observeRpc: Parameters<typeof timedCoordinator>[2];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly events: EventBus<CoordinationEvents>;
  readonly logger: Logger;
}

export interface Engine {
  readonly server: CoordServer;
  readonly pump: PullPump;
  readonly sessions: FetchSessions;
  readonly coldStart: ColdStart;
  readonly heads: HeadLookup;
  readonly fallback: FallbackGate;
  readonly prefetch: Prefetch;
  readonly localPrefetch: LocalPrefetch;
  readonly advertiser: Advertiser;
  /** A manifest was served or got. */
  onManifest(manifest: ManifestSource): void;
}

/** What the listeners share with the engine, and what can be made before the members are known. */
export function sharedParts(options: {
  readonly settings: CoordinationSettings;
  readonly store: FileContentStore;
  readonly timers: Timers;
  readonly events: EventBus<CoordinationEvents>;
  readonly logger: Logger;
}): Pick<EngineParts, 'inflight' | 'negative' | 'descriptors' | 'downloads'> {
  const { settings, store, timers, events, logger } = options;
  return {
    inflight: new InFlightMap(),
    negative: new NegativeCache({
      ...settings,
      hooks: {
        enter: (failureClass) => events.publish('negative.entered', { failureClass }),
        hit: (failureClass) => events.publish('negative.hit', { failureClass }),
      },
    }),
    descriptors: new DescriptorIndex({ logger: logger.child({ subsystem: 'cache' }) }),
    downloads: new DownloadRegistry({ store, timers, options: settings }),
  };
}

/** Makes the parts; nothing runs yet. */
export function makeEngine(parts: EngineParts): Engine {
  const { settings, members, discovery, store, clock, timers, random, events, negative } = parts;
  const shared = { members, discovery, store, clock, timers, random, events, options: settings };
  const loggerOf = (subsystem: string): Logger => parts.logger.child({ subsystem });
  const reader = negative.reader(clock);
  const suppression = new Suppressions(
    clock,
    (nodeId) => members.snapshot().find(({ id }) => id === nodeId)?.addr,
  );
  const { inflight, descriptors, downloads, origins, transfer } = parts;
  const pump: PullPump = new PullPump({
    ...shared,
    origins,
    downloads,
    inflight,
    negative,
    descriptors,
    ...(parts.leases === undefined
      ? {}
      : { leasing: pullLeasing(parts.leases, members, (...claim) => suppression.hasCached(...claim)) }),
    copyFromPeers: (request, signal) => sessions.copyFromPeers(request, signal),
    betterPuller: (digest, signal) => coldStart.betterPuller(digest, signal),
    isFollowed: (digest) => sessions.isFollowed(digest),
    logger: loggerOf('puller-pump'),
  });
  const server = makeServer(parts, pump, loggerOf('coord'));
  const coordinator = makeClient(parts, loggerOf('coord-client'));
  const coldStart: ColdStart = new ColdStart({
    ...shared,
    coordinator,
    local: server,
    suppression,
    descriptors,
    logger: loggerOf('coldstart'),
  });
  const fallback = new FallbackGate({
    ...shared,
    inflight,
    negative: reader,
    pump: pump.pump,
    suppression,
    logger: loggerOf('nf5'),
  });
  const sessions: FetchSessions = new FetchSessions({
    ...shared,
    downloads,
    coldStart,
    fallback,
    transfer,
    suppression,
    order: new ProviderOrder(),
    inflight,
    negative: reader,
    descriptors,
    logger: loggerOf('mirror'),
  });
  const heads = new HeadLookup({
    ...shared,
    descriptors,
    transfer,
    coordinator,
    suppression,
    negative: reader,
    origins,
  });
  return {
    server,
    pump,
    sessions,
    coldStart,
    heads,
    fallback,
    ...makeBackground(parts, { coordinator, server, sessions }),
  };
}

/** What works without being asked: prefetch and announcements. */
function makeBackground(
  parts: EngineParts,
  made: { readonly coordinator: Coordinator; readonly server: CoordServer; readonly sessions: FetchSessions },
): Pick<Engine, 'prefetch' | 'localPrefetch' | 'advertiser' | 'onManifest'> {
  const { settings, members, discovery, store, clock, timers, random, events, descriptors, source } = parts;
  const shared = { members, discovery, store, clock, timers, random, events, options: settings };
  const logger = parts.logger.child({ subsystem: 'prefetch' });
  const { coordinator, server: local, sessions } = made;
  const prefetch = new Prefetch({ ...shared, descriptors, logger, coordinator, local });
  const localPrefetch = new LocalPrefetch({
    ...shared,
    descriptors,
    logger,
    self: () => members.self(),
    copy: sessions.copy,
  });
  const advertiser = new Advertiser({
    ...shared,
    source,
    logger: parts.logger.child({ subsystem: 'discovery' }),
  });
  const onManifest = (manifest: ManifestSource): void => {
    prefetch.offer(manifest);
    localPrefetch.offer(manifest);
  };
  return { prefetch, localPrefetch, advertiser, onManifest };
}

function makeServer(parts: EngineParts, pump: PullPump, logger: Logger): CoordServer {
  const { settings, network, members, events, source } = parts;
  return new CoordServer({
    streams: gatedStreams({ streams: network.streams, members, mode: parts.coordAllow, events }),
    store: parts.store,
    secondary: source === undefined ? undefined : secondaryOf(source),
    members,
    inflight: parts.inflight,
    negative: parts.negative.reader(parts.clock),
    pump: pump.pump,
    hooks: hooksOf(events),
    clock: parts.clock,
    timers: parts.timers,
    logger,
    options: {
      maxStreams: settings.coordMaxStreams,
      maxStreamsPerPeer: settings.coordMaxStreamsPerPeer,
      streamTimeoutMs: settings.coordStreamTimeoutMs,
      dispatchMs: settings.coordDispatchMs,
    },
  });
}

function makeClient(parts: EngineParts, logger: Logger): Coordinator {
  const { settings, network, members, clock, timers, observeRpc } = parts;
  const client = new CoordClient({
    streams: network.streams,
    members,
    clock,
    timers,
    logger,
    options: {
      dialTimeoutMs: settings.coordDialTimeoutMs,
      rpcTimeoutMs: settings.coordRpcTimeoutMs,
      offerMinor: settings.coordOfferMinor,
    },
  });
  return timedCoordinator(client, clock, observeRpc);
}

function hooksOf(events: EventBus<CoordinationEvents>): CoordHooks {
  return {
    pullIntentServed: () => events.publish('coord.served', { call: 'pull_intent' }),
    pleasePullServed: () => events.publish('coord.served', { call: 'please_pull' }),
    pleasePullStarted: (digest) => events.publish('coord.started', { digest: digest as `sha256:${string}` }),
    pleasePullDeclined: (digest) =>
      events.publish('coord.declined', { digest: digest as `sha256:${string}` }),
    storageUnavailable: () => events.publish('coord.storage-unavailable', {}),
    streamError: (reason) => events.publish('coord.stream-error', { reason }),
  };
}

/** The content source as a further place of objects: what it cannot say is STORAGE_UNAVAILABLE, not "no". */
export function secondaryOf(source: ContentSource): Pick<ContentStore, 'has' | 'size' | 'open'> {
  const has = async (digest: Parameters<ContentSource['has']>[0]): Promise<boolean> => {
    const answer = await source.has(digest);
    if (answer === 'unavailable') {
      throw coordinationErrors.create('STORAGE_UNAVAILABLE', 'the content source cannot say what it has');
    }
    return answer === 'present';
  };
  return {
    has,
    size: async (digest) => {
      if (!(await has(digest))) return undefined;
      const { size, body } = await source.open(digest);
      for await (const _ of body) break;
      return size;
    },
    open: (digest, range) => source.open(digest, range),
  };
}
