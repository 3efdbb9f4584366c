/**
 * An agent: all parts of this package, started in the order of coordination spec 20.1 and stopped in that of 20.4.
 *
 * Fault model: any part may fail to start; then everything that has been started is stopped, and the start rejects. While it
 * runs, listeners that break are logged, and what they served fails by itself. Stopping takes at most 10 s, whatever hangs.
 */

import { EventBus, MetricsRegistry, processMetrics, type TimerHandle } from '@muster/core';
import { ContentDiscoveryAgent } from './advertise/content-discovery.ts';
import { type Engine, type EngineParts, makeEngine, sharedParts } from './agent/engine.ts';
import { gaugesOf } from './agent/gauges-of.ts';
import {
  type AgentListeners,
  listenerTexts,
  type ListenerParts,
  makeMirrorServer,
  makeTransferServer,
  openStore,
} from './agent/listeners.ts';
import { MembersHandle } from './agent/members-handle.ts';
import { type OpenedMembers, openMembers, openSingle, waitForSync } from './agent/open-members.ts';
import type { AgentOptions } from './agent/options.ts';
import { opsSourceOf } from './agent/ops-source.ts';
import { OwnEntry } from './agent/own-entry.ts';
import { Shutdown } from './agent/shutdown.ts';
import type { CoordinationEvents } from './events.ts';
import type { MirrorServer } from './mirror/server/mirror-server.ts';
import { NEGATIVE_SWEEP_INTERVAL_MS } from './negative-cache/negative-cache.ts';
import { CoordinationMetrics } from './ops/metrics.ts';
import { type Readiness, readinessOf } from './ops/readiness.ts';
import { OpsServer } from './ops/server/ops-server.ts';
import { openRegistryOrigins, type RegistryOrigins } from './origin/registry-origins.ts';
import { RegistryTable } from './origin/registry-table.ts';
import { readManifest } from './prefetch/children.ts';
import type { FileContentStore } from './store/file-content-store.ts';
import { PeerClient } from './transfer/outbound/peer-client.ts';
import type { TransferServer } from './transfer/server/transfer-server.ts';

const GATE_INTERVAL_MS = 250;
const STOP_BUDGET_MS = 9_500;
const MIRROR_STOP_MS = 4_000;
const TRANSFER_STOP_MS = 5_000;
const PUMP_STOP_MS = 1_500;
const PROVIDER_COUNT_MS = 2_000;

interface Started {
  origins?: RegistryOrigins;
  store?: FileContentStore;
  client?: PeerClient;
  transfer?: TransferServer;
  opened?: OpenedMembers;
  engine?: Engine;
  shared?: ReturnType<typeof sharedParts>;
  mirror?: MirrorServer;
  ops?: OpsServer;
  isNetworkStarted?: boolean;
}

export class CoordinationAgent {
  readonly events: EventBus<CoordinationEvents>;
  readonly metrics = new MetricsRegistry();
  readonly members: MembersHandle;
  readonly discovery: ContentDiscoveryAgent;
  readonly #options: AgentOptions;
  readonly #figures: CoordinationMetrics;
  readonly #own: OwnEntry;
  readonly #table: RegistryTable;
  readonly #startedAt: number;
  readonly #startedMonotonic: number;
  readonly #started: Started = {};
  readonly #stopping = new AbortController();
  readonly #endings: (() => void)[] = [];
  readonly #timers: TimerHandle[] = [];
  readonly #ready = Promise.withResolvers<void>();
  #listeners: Partial<AgentListeners> = {};
  #stopped: Promise<void> | undefined;
  #lastWarning: string | undefined;

  /** Makes an agent; nothing runs yet. Throws ORIGIN_UNKNOWN. */
  constructor(options: AgentOptions) {
    const { config, network, clock, timers, random, logger } = options;
    this.#options = options;
    this.events = new EventBus<CoordinationEvents>({
      onListenerError: (error, topic) => logger.error({ topic, err: error }, 'a listener of events failed'),
    });
    this.#figures = new CoordinationMetrics(this.metrics, this.events);
    this.#table = new RegistryTable(config.node.registries);
    const nodeId = config.node.nodeName === '' ? network.streams.self : config.node.nodeName;
    this.members = new MembersHandle(nodeId);
    this.#own = new OwnEntry(config.node, network, nodeId);
    this.discovery = new ContentDiscoveryAgent({
      routing: network.routing,
      streams: network.streams,
      members: this.members,
      transferPort: () => this.#own.transferPort,
      clock,
      timers,
      random,
      logger: logger.child({ subsystem: 'discovery' }),
      events: this.events,
      options: {
        provideConcurrency: config.settings.provideConcurrency,
        bootstrapPeers: config.node.bootstrapPeers,
      },
    });
    this.#startedAt = clock.now();
    this.#startedMonotonic = clock.monotonic();
  }

  /** Where it listens; ports are known after the start. */
  get listeners(): AgentListeners {
    const { mirrorListen, transferListen, metricsListen } = this.#options.config.node;
    return { mirror: mirrorListen, transfer: transferListen, metrics: metricsListen, ...this.#listeners };
  }

  /** Resolves when it was ready once: the mirror serves from then on (20.3). Never, when it is stopped before. */
  get whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  get readiness(): Readiness {
    const { config, clock } = this.#options;
    const { store, opened } = this.#started;
    const announcer = opened?.announcer;
    return readinessOf({
      isStoreScanned: store !== undefined,
      areMembersSynced: opened?.members.isSynced ?? false,
      ...(announcer === undefined || config.node.podName === ''
        ? {}
        : {
            announcement: {
              isAnnounced: announcer.isAnnounced,
              hasAddresses: this.#own.p2pAddresses().length > 0,
              isTransferDialable: !this.#own.isFamilyMismatch,
            },
          }),
      runningCount: this.members.runningCount(),
      bootstrapCount: this.members.bootstrapSnapshot().length,
      routingTableSize: this.discovery.routingTableSize,
      uptimeMs: clock.monotonic() - this.#startedMonotonic,
    });
  }

  /** Our multiaddrs for others, with `/p2p`. */
  get p2pAddresses(): readonly string[] {
    return this.#own.p2pAddresses();
  }

  /**
   * Starts everything; resolves when all listeners listen, which is before the agent is ready.
   *
   * @throws CREDENTIALS_INVALID, STORE_LOCKED, STORAGE_UNAVAILABLE, MEMBERS_INVALID (in production mode), OVERLAY_START_FAILED of the
   *   network; of listeners the system's error, such as EADDRINUSE.
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends everything in order, within 10 s. Safe to call more than once; never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { config, network, logger, showsProcess = true } = this.#options;
    for (const warning of config.warnings) logger.warn({}, warning);
    logger.info({ node: config.node, settings: config.settings }, 'configuration');
    if (showsProcess) this.metrics.addSource(processMetrics());
    await this.#openOrigins();
    await network.start();
    this.#started.isNetworkStarted = true;
    this.discovery.start();
    await this.#openStore();
    await this.#listenTransfer();
    await this.#joinCluster();
    this.#makeEngine();
    await this.#listenMirror();
    this.#begin();
    await this.#listenOps();
    this.#openGateWhenReady();
  }

  async #openOrigins(): Promise<void> {
    const { config, credentials, version, clock, timers, random, logger } = this.#options;
    this.#started.origins = await openRegistryOrigins({
      table: this.#table,
      credentials,
      clock,
      timers,
      random,
      events: this.events,
      logger: logger.child({ subsystem: 'origin' }),
      settings: config.settings,
      version,
      kindOf: (digest) => this.#started.shared?.descriptors.get(digest)?.kind,
      children: (body) => readManifest(body).children,
    });
  }

  async #openStore(): Promise<void> {
    const { config, clock, timers, logger } = this.#options;
    const { settings } = config;
    const { events } = this;
    const store = await openStore({ ...this.#options, events });
    this.#started.store = store;
    const shared = sharedParts({ settings, store, timers, events, logger });
    this.#started.shared = shared;
    this.#endings.push(
      events.on('store.committed', ({ payload }) => {
        shared.descriptors.verified(payload.digest, payload.size);
      }),
    );
    void shared.descriptors.scan(store, { timers, signal: this.#stopping.signal });
    // The count includes this node.
    store.start({
      providers: async (digest) =>
        1 + (await this.discovery.findProviders(digest, { timeoutMs: PROVIDER_COUNT_MS })).length,
      clusterSize: () => this.members.snapshot().length,
    });
    this.#timers.push(timers.every(NEGATIVE_SWEEP_INTERVAL_MS, () => shared.negative.sweep(clock.now())));
  }

  async #listenTransfer(): Promise<void> {
    const { host } = this.#options.config.node.transferListen;
    const { store, shared } = this.#made();
    const transfer = makeTransferServer({ ...this.#common(), store, shared, members: this.members });
    const address = await transfer.listen();
    this.#started.transfer = transfer;
    this.#own.bound(address.port);
    this.#listeners = { ...this.#listeners, transfer: { host, port: address.port } };
  }

  async #joinCluster(): Promise<void> {
    const { config, network, memberSources, clock, timers, logger } = this.#options;
    const parts = {
      self: this.members.self(),
      settings: config.node,
      own: this.#own,
      sources: memberSources,
      clock,
      timers,
      logger: logger.child({ subsystem: 'members' }),
    };
    let opened: OpenedMembers;
    try {
      opened = await openMembers(parts);
    } catch (error) {
      // Whoever says where the members are wants no node that stands alone.
      if (config.node.isProduction || config.node.membersSource !== 'kubernetes') throw error;
      logger.warn({ subsystem: 'members', err: error }, 'membership cannot start; this node stands alone');
      opened = await openSingle(parts);
    }
    this.#started.opened = opened;
    this.members.use(opened.members);
    this.#endings.push(network.onAddresses(() => opened.refresh()));
    await waitForSync(opened.members, parts);
    opened.announcer?.start();
    opened.refresh();
  }

  #makeEngine(): void {
    const { config, network, source, leases, transferToken, clock, timers, random, logger } = this.#options;
    const { store, shared, origins } = this.#made();
    const client = new PeerClient({
      clock,
      timers,
      options: {
        ...config.settings,
        nodeId: this.members.self(),
        ...(transferToken === undefined ? {} : { token: transferToken }),
      },
    });
    this.#started.client = client;
    const parts: EngineParts = {
      settings: config.settings,
      coordAllow: config.node.coordAllow,
      network,
      members: this.members,
      discovery: this.discovery,
      store,
      origins: origins.origins,
      transfer: client,
      ...shared,
      source,
      leases,
      observeRpc: (call, outcome, ms) => this.#figures.observeRpc(call, outcome, ms),
      clock,
      timers,
      random,
      events: this.events,
      logger,
    };
    const engine = makeEngine(parts);
    this.#started.engine = engine;
    engine.server.bind();
    this.#figures.show(
      gaugesOf({ engine, shared, store, members: this.members, discovery: this.discovery, clock }),
    );
  }

  async #listenMirror(): Promise<void> {
    const { host } = this.#options.config.node.mirrorListen;
    const { store, shared, engine } = this.#made();
    const mirror = makeMirrorServer({ ...this.#common(), store, shared, engine, registries: this.#table });
    const address = await mirror.listen();
    this.#started.mirror = mirror;
    this.#listeners = { ...this.#listeners, mirror: { host, port: address.port } };
  }

  /** Begins what runs by itself. */
  #begin(): void {
    const { engine } = this.#made();
    this.#endings.push(
      this.events.on('store.removed', ({ payload }) => void engine.advertiser.withdraw(payload.digest)),
    );
    const { source } = this.#options;
    if (source !== undefined) {
      const onEvent = (event: { readonly kind: string }): void => {
        if (event.kind === 'reconnected') this.events.publish('source.reconnected', {});
      };
      this.#endings.push(source.subscribe(onEvent));
    }
    engine.advertiser.start();
  }

  async #listenOps(): Promise<void> {
    const { config, network, timers, logger } = this.#options;
    const { host, port } = config.node.metricsListen;
    const parts = {
      ...this.#options,
      ...this.#made(),
      ...this.#made().shared,
      startedAt: this.#startedAt,
      events: this.events,
      metrics: () => this.metrics.render(),
      readiness: () => this.readiness,
      listeners: () => listenerTexts(this.listeners),
      peerId: network.streams.self,
      p2pAddresses: () => this.p2pAddresses,
      members: this.members,
      discovery: this.discovery,
      registries: this.#table.list.map(({ name }) => name),
    };
    const ops = new OpsServer({ host, port, source: opsSourceOf(parts), timers, logger });
    const address = await ops.listen();
    this.#started.ops = ops;
    this.#listeners = { ...this.#listeners, metrics: { host, port: address.port } };
  }

  #openGateWhenReady(): void {
    const { timers } = this.#options;
    const look = (): void => {
      const { reason, warning } = this.readiness;
      this.#warn(warning);
      if (reason !== undefined) return;
      this.#started.mirror?.openGate();
      this.#ready.resolve();
    };
    look();
    this.#timers.push(timers.every(GATE_INTERVAL_MS, look));
  }

  #warn(warning: string | undefined): void {
    if (warning !== undefined && warning !== this.#lastWarning) {
      this.#options.logger.warn({ subsystem: 'members', reason: warning }, 'ready in spite of this');
    }
    this.#lastWarning = warning;
  }

  async #stop(): Promise<void> {
    const { network } = this.#options;
    const { mirror, opened, engine, transfer, client, ops, origins, store } = this.#started;
    const shutdown = new Shutdown(this.#options, STOP_BUDGET_MS);
    for (const timer of this.#timers) timer.cancel();
    mirror?.drain();
    await shutdown.step('members', async () => {
      await opened?.announcer?.stop();
      await opened?.members.stop();
    });
    const unbinding = engine?.server.unbind();
    const sending = transfer?.close(this.#options.timers, shutdown.left(TRANSFER_STOP_MS));
    await shutdown.step('mirror', () => mirror?.close(shutdown.left(MIRROR_STOP_MS)));
    this.#stopping.abort(new Error('the agent is stopping'));
    for (const end of this.#endings) end();
    await shutdown.step('advertiser', () => engine?.advertiser.stop());
    await shutdown.step('sessions', async () => {
      const stopping = [engine?.localPrefetch.stop(), engine?.prefetch.stop(), engine?.sessions.close()];
      await Promise.all(stopping);
      engine?.coldStart.close(this.#stopping.signal.reason);
    });
    await shutdown.step('pump', () => engine?.pump.stop(shutdown.left(PUMP_STOP_MS)));
    await shutdown.step('coord', () => unbinding);
    await shutdown.step('transfer', () => sending);
    await shutdown.step('ops', () => ops?.close());
    await shutdown.step('discovery', () => this.discovery.stop());
    if (this.#started.isNetworkStarted === true) await shutdown.step('network', () => network.stop());
    client?.close();
    origins?.close();
    await shutdown.step('store', () => store?.close());
  }

  #common(): ListenerParts {
    return { ...this.#options, events: this.events };
  }

  /** What has been made so far; asked for only after it was. */
  #made(): Required<Pick<Started, 'store' | 'shared' | 'origins' | 'engine'>> {
    return this.#started as Required<Pick<Started, 'store' | 'shared' | 'origins' | 'engine'>>;
  }
}
