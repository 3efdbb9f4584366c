/**
 * One run of an agent: the real models and agents of @muster/coordination, wired as the daemon wires them, on the virtual
 * clock and network. A restarted agent is a new object on the same disk.
 */

import {
  Advertiser,
  ColdStart,
  ContentDiscoveryAgent,
  CoordClient,
  type CoordinationEvents,
  CoordServer,
  DescriptorIndex,
  DownloadRegistry,
  FallbackGate,
  type FileContentStore,
  FetchSessions,
  HeadLookup,
  InFlightMap,
  LocalPrefetch,
  type MemoryFiles,
  NegativeCache,
  OciOrigin,
  openMemoryStore,
  OriginClient,
  Prefetch,
  ProviderOrder,
  pullLeasing,
  type PullLeasing,
  PullPump,
  readManifest,
  type Resolution,
  Suppressions,
  type Digest,
} from '@muster/coordination';
import { EventBus, type Logger, silentLogger } from '@muster/core';
import { registryLeases } from 'muster/leases';
import type { SimProcess } from '../kernel/index.ts';
import { SimContentRouting } from './fabric/sim-routing.ts';
import type { SimMembers } from './fabric/sim-members.ts';
import { SimPeers } from './fabric/sim-peers.ts';
import { SimTransfer } from './fabric/sim-transfer.ts';
import { TransferEndpoint } from './fabric/transfer-endpoint.ts';
import { REGISTRY } from './images.ts';
import type { RunRecord } from './ledger.ts';
import { watchedCoordinators } from './watched-coordinators.ts';
import type { World } from './world.ts';

/** Port of all transfer endpoints. */
export const TRANSFER_PORT = 5_000;

const NEGATIVE_SWEEP_MS = 60_000;

export interface SimAgentParts {
  readonly world: World;
  readonly process: SimProcess;
  readonly host: string;
  readonly addr: string;
  readonly members: SimMembers;
  readonly disk: MemoryFiles;
  readonly logger?: Logger;
}

export class SimAgent {
  readonly host: string;
  readonly process: SimProcess;
  readonly members: SimMembers;
  readonly store: FileContentStore;
  readonly peers: SimPeers;
  readonly endpoint: TransferEndpoint;
  readonly transfer: SimTransfer;
  readonly inflight = new InFlightMap();
  readonly negative: NegativeCache;
  readonly descriptors: DescriptorIndex;
  readonly suppression: Suppressions;
  readonly order = new ProviderOrder();
  readonly downloads: DownloadRegistry;
  readonly discovery: ContentDiscoveryAgent;
  readonly advertiser: Advertiser;
  readonly pump: PullPump;
  readonly server: CoordServer;
  readonly client: CoordClient;
  readonly watched: ReturnType<typeof watchedCoordinators>;
  readonly coldStart: ColdStart;
  readonly sessions: FetchSessions;
  readonly heads: HeadLookup;
  readonly prefetch: Prefetch;
  readonly localPrefetch: LocalPrefetch;
  /** The newest run of the cascade for each digest that is being looked for. */
  readonly runs = new Map<Digest, RunRecord>();

  private constructor(parts: SimAgentParts, store: FileContentStore, events: EventBus<CoordinationEvents>) {
    const { world, process, host, members } = parts;
    const { settings: options, tampering } = world;
    const { logger = silentLogger } = parts;
    const { random } = process;
    this.host = host;
    this.process = process;
    this.members = members;
    this.store = store;
    const ports = { clock: process, timers: process, random, logger, events };
    const addressOf = (id: string): string | undefined =>
      members.snapshot().find((node) => node.id === id)?.addr;

    this.peers = new SimPeers({ network: world.network, process, book: world.book, host });
    this.discovery = new ContentDiscoveryAgent({
      ...ports,
      routing: new SimContentRouting(world.routing, this.peers),
      streams: this.peers,
      members,
      transferPort: () => TRANSFER_PORT,
      options,
    });
    this.negative = new NegativeCache(options);
    const negative = this.negative.reader(process);
    this.descriptors = new DescriptorIndex({ logger });
    this.suppression = new Suppressions(process, addressOf);
    this.downloads = new DownloadRegistry({ store, timers: process, options });
    const { inflight, descriptors, downloads, discovery, suppression, order } = this;

    this.endpoint = new TransferEndpoint({
      process,
      store,
      downloads,
      inflight,
      members,
      options,
      egressBytesPerSecond: world.egressBytesPerSecond,
    });
    this.transfer = new SimTransfer(this.peers, world.transfers, host, options);
    const origins = new Map([[REGISTRY, originOf(parts, ports, descriptors)]]);
    this.pump = new PullPump({
      ...ports,
      origins,
      downloads,
      store,
      inflight,
      negative: this.negative,
      descriptors,
      discovery,
      copyFromPeers: async (request, signal) => this.sessions.copyFromPeers(request, signal),
      isFollowed: (digest) => this.sessions.isFollowed(digest),
      ...leasingOf(parts, logger, (digest, nodeId) => suppression.hasCached(digest, nodeId)),
      options,
    });
    const { pump } = this.pump;
    this.server = new CoordServer({
      streams: this.peers,
      store,
      members,
      inflight,
      negative,
      pump,
      clock: process,
      timers: process,
      logger,
      hooks: { streamError: (reason) => events.publish('coord.stream-error', { reason }) },
      options: { maxStreams: options.coordMaxStreams, maxStreamsPerPeer: options.coordMaxStreamsPerPeer },
    });
    this.client = new CoordClient({ streams: this.peers, members, clock: process, timers: process, logger });
    this.watched = watchedCoordinators(this);
    this.coldStart = new ColdStart({
      ...ports,
      ...this.watched,
      members,
      discovery,
      store,
      suppression,
      descriptors,
      options,
    });
    const fallback = new FallbackGate({
      ...ports,
      members,
      discovery,
      inflight,
      negative,
      pump,
      suppression,
      options,
    });
    this.sessions = new FetchSessions({
      ...ports,
      downloads,
      store,
      discovery,
      coldStart: {
        resolve: async (request) => {
          const run = { host, digest: request.digest, accepted: new Set<string>() };
          this.runs.set(request.digest, run);
          world.ledger.runs.push(run);
          const proceed = async (): Promise<Resolution> => this.coldStart.resolve(request);
          return tampering.resolve === undefined ? proceed() : tampering.resolve(this, request, proceed);
        },
      },
      fallback,
      transfer: this.transfer,
      members,
      suppression,
      order,
      inflight,
      negative,
      descriptors,
      options,
    });
    this.heads = new HeadLookup({
      ...ports,
      descriptors,
      discovery,
      transfer: this.transfer,
      coordinator: this.client,
      members,
      suppression,
      negative,
      origins,
      options,
    });
    this.prefetch = new Prefetch({
      ...ports,
      coordinator: this.client,
      local: this.server,
      members,
      store,
      descriptors,
      options,
    });
    this.localPrefetch = new LocalPrefetch({
      self: () => host,
      copy: this.sessions.copy,
      store,
      descriptors,
      timers: process,
      logger,
      options,
    });
    world.transfers.put(parts.addr, this.peers, this.endpoint);
    this.advertiser = new Advertiser({ ...ports, store, discovery, members, options });
    this.#observe(world, events);
  }

  /** Starts an agent on a disk; what the disk has is announced. */
  static async start(parts: SimAgentParts): Promise<SimAgent> {
    const { world, process, host, disk, members } = parts;
    const events = new EventBus<CoordinationEvents>({
      onListenerError: (error, topic) =>
        world.ledger.violated(`${host}: a listener of ${topic} threw ${String(error)}`),
    });
    const { cacheBudgetBytes, forcedEvictionHeadroomPercent, evictionProviderThreshold } = world.settings;
    const store = await openMemoryStore({
      clock: process,
      timers: process,
      random: process.random,
      logger: parts.logger ?? silentLogger,
      events,
      files: disk,
      options: {
        budgetBytes: cacheBudgetBytes,
        headroomPercent: forcedEvictionHeadroomPercent,
        providerThreshold: evictionProviderThreshold,
        verifyOnStart: 'off',
      },
    });
    const agent = new SimAgent(parts, store, events);
    store.start({
      providers: async (digest) =>
        (await agent.discovery.findProviders(digest, { timeoutMs: 2_000 })).length + 1,
      clusterSize: () => members.snapshot().length,
    });
    agent.server.bind();
    process.every(NEGATIVE_SWEEP_MS, () => agent.negative.sweep(process.now()));
    agent.discovery.start();
    agent.advertiser.start();
    return agent;
  }

  /** The mirror has served a manifest (11.1, 11.4). */
  manifestServed(digest: Digest, repository: string): void {
    const source = { registry: REGISTRY, repository, digest };
    this.prefetch.offer(source);
    this.localPrefetch.offer(source);
  }

  #observe(world: World, events: EventBus<CoordinationEvents>): void {
    const { sim, ledger } = world;
    events.on('*', ({ topic, payload }) => {
      sim.trace.note(sim.now, this.host, topic, JSON.stringify(payload));
      ledger.happened(this.host, topic, payload as never);
      world.registry?.book.happened(this.host, topic, payload as never);
    });
    events.on('origin.succeeded', ({ payload: { digest, kind } }) => {
      if (world.tampering.leaksInFlight === true) {
        sim.schedule(1_000, () => this.inflight.start(digest, kind, 0, this.process.now()), this.process);
      }
      const repository = this.descriptors.get(digest)?.repository;
      if (kind === 'manifest' && repository !== undefined) {
        this.prefetch.offer({ registry: REGISTRY, repository, digest });
      }
    });
  }
}

/** With the leases of the registry, if the world has one. */
function leasingOf(
  { world, process, host, members }: SimAgentParts,
  logger: Logger,
  onHolder: PullLeasing['onHolder'] & {},
): { readonly leasing?: PullLeasing } {
  const { registry } = world;
  const identity = registry?.identities.get(host);
  if (registry === undefined || identity === undefined) return {};
  const client = registry.sim.clientOf(process, host, identity);
  const real = registryLeases({ client, timers: process, clock: process, logger, prefix: '0:' });
  const leases = world.tampering.leases?.(real) ?? real;
  return { leasing: pullLeasing(registry.book.watch(host, process, leases), members, onHolder) };
}

function originOf(
  { world, process, host }: SimAgentParts,
  ports: { readonly logger: Logger; readonly events: EventBus<CoordinationEvents> },
  descriptors: DescriptorIndex,
): OciOrigin {
  const { logger, events } = ports;
  const { origin, settings } = world;
  const client = new OriginClient({
    endpoint: origin.endpoint,
    http: origin.httpFor(process, host),
    maxRequestsPerSecond: settings.originMaxRequestsPerSecond,
    clock: process,
    timers: process,
    logger,
    userAgent: 'muster/simulated',
  });
  return new OciOrigin({
    name: REGISTRY,
    endpoint: origin.endpoint,
    client,
    clock: process,
    timers: process,
    random: process.random,
    events,
    kindOf: (digest) => descriptors.get(digest)?.kind,
    children: (body) => readManifest(body).children,
  });
}
