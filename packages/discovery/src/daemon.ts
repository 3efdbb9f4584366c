/**
 * One process of the overlay: a node, an indexer, or both (discovery spec section 5). This is the one place that wires the
 * parts; the real program and the simulator hand it different ports and run the very same code.
 *
 * What it guarantees: handlers are registered only when what they answer from exists (F:76, F:92); a daemon without a
 * reachable indexer starts, says so, and goes on trying (F:20, F:91); a host or DHT that cannot start fails the start
 * with a reason (F:89); whatever runs ends with `stop`, within its bound (F:90).
 */

import { EventBus } from '@muster/core';
import type { Clock, Logger, Random, Timers } from '@muster/core';
import { BehaviourTracker } from './behaviour/behaviour-tracker.ts';
import { discoveryConstants, type DiscoveryConstants } from './constants.ts';
import type { DiscoveryContext } from './context.ts';
import { DhtDirectory } from './dht/dht-directory.ts';
import { IndexerRecordPublisher } from './dht/indexer-record-publisher.ts';
import { ProvideLoop } from './dht/provide-loop.ts';
import { SuggestionCache } from './dht/suggestion-cache.ts';
import { discoveryErrors } from './errors.ts';
import type { DiscoveryEvents } from './events.ts';
import { AdmissionGate } from './gate/admission-gate.ts';
import { CandidatesServer } from './indexer/candidates-server.ts';
import { GetServer } from './indexer/get-server.ts';
import { IndexerAgent } from './indexer/indexer-agent.ts';
import type { SeenPeers } from './indexer/parts.ts';
import { PublishServer } from './indexer/publish-server.ts';
import { ownDid, ownName, ownRecord } from './lookup/own-record.ts';
import { PeerLookup } from './lookup/peer-lookup.ts';
import type { ConnectionPolicy } from './overlay/connection-policy.ts';
import type { Overlay } from './overlay/overlay.ts';
import { PoolAgent } from './pool/pool-agent.ts';
import type { RecordCrypto } from './records/record-crypto.ts';
import { ReferencedTable } from './search/referenced-table.ts';
import { SearchClient } from './search/search-client.ts';
import { SearchServer } from './search/search-server.ts';
import { NodeSearchTopic } from './search/topics.ts';
import type { DiscoverySettings } from './settings.ts';
import { type PeerStore, RELATIONS } from './stores/peer-store.ts';
import type { AddrInfo, PeerId } from './wire/messages.ts';

/** What a daemon is made of. */
export interface DaemonOptions {
  readonly settings: DiscoverySettings;
  /** @default discoveryConstants() */
  readonly constants?: DiscoveryConstants;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Not started; the daemon starts and stops it. */
  readonly overlay: Overlay;
  readonly crypto: RecordCrypto;
  readonly peers: PeerStore;
  /** Where an indexer keeps who heartbeated it lately, over a restart (F:72). */
  readonly seenPeers?: SeenPeers;
  /** Who may connect, beside the pre-shared key and the blacklist. @default everybody */
  readonly policy?: ConnectionPolicy;
}

/** The parts that only an indexer has. */
export interface IndexerParts {
  readonly agent: IndexerAgent;
  readonly behaviour: BehaviourTracker;
  readonly suggestions: SuggestionCache;
  readonly referenced: ReferencedTable;
  readonly searches: SearchServer;
  readonly provide: ProvideLoop;
}

type State = 'new' | 'running' | 'stopping' | 'stopped';

export class DiscoveryDaemon {
  readonly events: EventBus<DiscoveryEvents>;
  /** What the parts were handed. */
  readonly context: DiscoveryContext;
  readonly pool: PoolAgent;
  readonly directory: DhtDirectory;
  readonly gate: AdmissionGate;
  readonly lookup: PeerLookup;
  readonly search: SearchClient;
  /** Undefined without the indexer role. */
  readonly indexer: IndexerParts | undefined;
  readonly #abort = new AbortController();
  readonly #servers: readonly { start(): void }[];
  readonly #topic: NodeSearchTopic;
  readonly #policy: ConnectionPolicy | undefined;
  #state: State = 'new';
  #stopped: Promise<void> | undefined;

  constructor(options: DaemonOptions) {
    const { settings, overlay, logger, peers } = options;
    this.#policy = options.policy;
    this.events = new EventBus<DiscoveryEvents>({
      onListenerError: (error, topic) => logger.error({ error, topic }, 'a listener of an event failed'),
    });
    this.context = {
      self: overlay.self,
      settings,
      constants: options.constants ?? discoveryConstants(),
      clock: options.clock,
      timers: options.timers,
      random: options.random,
      logger,
      events: this.events,
      overlay,
      crypto: options.crypto,
      peers,
      signal: this.#abort.signal,
    };
    const { context } = this;
    this.directory = new DhtDirectory(context, {
      pool: () => this.pool.reachable(),
      isAvoided: (peer) => this.#isRefused(peer) || this.pool.isQuarantined(peer),
    });
    this.pool = new PoolAgent(context, {
      directory: this.directory,
      maxSize: settings.roles.node ? settings.maxIndexer : 2 * settings.maxIndexer,
      ...(settings.roles.node && {
        recordBuilder: () => ownRecord(context, context.constants.heartbeatRecordTtlMs),
        // Strict indexers have no record: to ask for it would make every indexer look like a liar (F:59).
        ownDid: () => ownDid(context),
      }),
    });
    this.#topic = new NodeSearchTopic(context);
    const wired = settings.roles.indexer ? this.#wireIndexer(options.seenPeers) : undefined;
    this.indexer = wired?.parts;
    this.gate = wired?.gate ?? new AdmissionGate(context, { pool: this.pool });
    this.#servers = wired?.servers ?? [];
    // A process with both roles finds the nodes that it indexes itself, too.
    const { agent, referenced } = this.indexer ?? {};
    this.lookup = new PeerLookup(context, { pool: this.pool, ...(agent && { table: agent.table }) });
    this.search = new SearchClient(context, { pool: this.pool, ...(referenced && { referenced }) });
  }

  get did(): string {
    return ownDid(this.context);
  }

  get name(): string {
    return ownName(this.context);
  }

  /** Nodes: enough healthy indexers. Indexers: the DHT is up and the CID was provided once (section 29). */
  get isReady(): boolean {
    return this.notReadyReasons().length === 0;
  }

  /** Why it is not ready, in a few words each. */
  notReadyReasons(): readonly string[] {
    if (this.#state !== 'running') return [this.#state === 'new' ? 'not started' : 'stopping'];
    const { roles, minIndexer } = this.context.settings;
    const reasons: string[] = [];
    if (roles.node && this.pool.healthyCount < minIndexer) {
      reasons.push(`${this.pool.healthyCount} of at least ${minIndexer} indexers are healthy`);
    }
    if (roles.indexer && !this.context.overlay.dht.isStarted) reasons.push('the DHT is not up');
    if (this.indexer?.provide.hasProvided === false) reasons.push('not yet announced as an indexer');
    return reasons;
  }

  /**
   * Boots in the order of 5.1 to 5.3. Resolves when everything serves; indexers need not be reachable.
   *
   * @throws OVERLAY_START_FAILED, DHT_FAILED; what was started is stopped again.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TypeError('a daemon starts once');
    this.#state = 'running';
    const { overlay, settings, logger, peers, signal } = this.context;
    const policy = this.#policy;
    overlay.refuse(
      (peer) => this.#isRefused(peer),
      async (peer) => {
        if (!this.#isBlacklisted(peer)) await policy?.reconsider?.(peer);
      },
    );
    const stopWatching = peers.watch((peer) => {
      if (peer.relation !== RELATIONS.BLACKLIST || this.#state !== 'running') return;
      this.#cutOff(peer.peer_id, 'blacklisted');
      this.events.publish('peer.blacklisted', { peer: peer.peer_id });
    });
    signal.addEventListener('abort', stopWatching, { once: true });
    if (policy !== undefined) {
      const stopJudging = policy.onChange(() => this.#judgeAll(policy));
      signal.addEventListener('abort', stopJudging, { once: true });
    }
    try {
      await overlay.start();
      if (settings.roles.indexer || settings.dhtServer) await this.#joinDht();
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (signal.aborted) throw discoveryErrors.create('SHUTTING_DOWN', 'stopped while it was starting');
    this.#topic.start();
    this.pool.start();
    if (settings.roles.node) void this.lookup.keepClaiming();
    for (const server of this.#servers) server.start();
    this.#announceReady();
    logger.info({ peer: overlay.self, roles: settings.roles, addresses: overlay.addresses() }, 'running');
  }

  /**
   * Takes indexers that somebody names who is trusted to know some, such as a registry: as candidates now, and to come back to when
   * nobody else answers. They replace those named before. Unlike seeds of the configuration they have no privilege: what is
   * measured decides whether they stay.
   */
  nameIndexers(indexers: readonly AddrInfo[]): void {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    const fresh = this.pool.nameIndexers(indexers);
    const { overlay, constants, signal } = this.context;
    if (fresh.length === 0 || !overlay.dht.isStarted) return;
    void overlay.dht.bootstrap(fresh, { timeoutMs: constants.dhtBootstrapMs, signal });
  }

  /** Ends everything in the order of 5.4. Safe to call more than once; resolves when nothing is left open. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    const wasRunning = this.#state === 'running';
    this.#state = 'stopping';
    const { overlay, constants, timers, logger } = this.context;
    if (wasRunning) this.events.publish('daemon.stopping', {});
    const limit = new AbortController();
    const bound = timers.sleep(constants.shutdownMs, limit.signal).catch(() => {});
    const orderly = (async () => {
      await this.indexer?.agent.stop();
      this.#abort.abort(discoveryErrors.create('SHUTTING_DOWN', 'the daemon is shutting down'));
      await this.pool.stop();
    })().catch((error: unknown) => logger.warn({ error }, 'a part failed to stop'));
    await Promise.race([orderly, bound]);
    limit.abort();
    if (!this.#abort.signal.aborted) {
      this.#abort.abort(discoveryErrors.create('SHUTTING_DOWN', 'the daemon is shutting down'));
    }
    await overlay.stop();
    this.#state = 'stopped';
  }

  #wireIndexer(seenPeers: SeenPeers | undefined): {
    readonly parts: IndexerParts;
    readonly gate: AdmissionGate;
    readonly servers: readonly { start(): void }[];
  } {
    const { context, directory, pool } = this;
    const { settings, events } = context;
    const behaviour = new BehaviourTracker(context);
    const suggestions = new SuggestionCache(context, directory);
    const referenced = new ReferencedTable({
      maxEntries: settings.maxNodes,
      onChange: (peer, isReferenced) => events.publish('referenced.changed', { peer, isReferenced }),
    });
    const agent = new IndexerAgent(context, {
      behaviour,
      directory,
      suggestions,
      referenced,
      pool,
      ...(seenPeers !== undefined && { seenPeers }),
    });
    const { table } = agent;
    const gate = new AdmissionGate(context, { table, directory });
    const searches = new SearchServer(context, {
      gate,
      behaviour,
      referenced,
      pool,
      suggestions,
      directory,
    });
    const provide = new ProvideLoop(context);
    const servers = [
      agent,
      new PublishServer(context, { behaviour, table, directory }),
      new GetServer(context, { gate, behaviour, table, directory }),
      new CandidatesServer(context, { gate, behaviour, suggestions }),
      searches,
      suggestions,
      provide,
      new IndexerRecordPublisher(context, agent),
    ];
    return { parts: { agent, behaviour, suggestions, referenced, searches, provide }, gate, servers };
  }

  async #joinDht(): Promise<void> {
    const { overlay, settings, constants, signal } = this.context;
    await overlay.dht.start('server');
    // In the background: a seed that is down must not hold up the start (F:20).
    void overlay.dht.bootstrap(settings.indexerAddresses, { timeoutMs: constants.dhtBootstrapMs, signal });
  }

  /**
   * 18: a peer that the user has blacklisted, or that is no member any more, loses everything that it has here, at once (F:95).
   */
  #cutOff(peer: PeerId, reason: 'blacklisted' | 'gone'): void {
    this.pool.drop(peer, reason);
    this.gate.forget(peer);
    this.indexer?.suggestions.drop(peer);
    this.indexer?.agent.drop(peer);
    this.indexer?.referenced.delete(peer);
    void this.context.overlay.disconnect(peer);
  }

  /** Verdicts have changed: acts on those about peers that have something here. */
  #judgeAll(policy: ConnectionPolicy): void {
    if (this.#state !== 'running') return;
    const { overlay, logger } = this.context;
    const peers = new Set([
      ...overlay.connections().map(({ peer }) => peer),
      ...this.pool.view().map(({ peer }) => peer),
    ]);
    for (const { peer } of this.indexer?.agent.table.values() ?? []) peers.add(peer);
    for (const peer of peers) {
      const verdict = policy.judge(peer);
      if (verdict === 'refused') {
        logger.info({ peer }, 'a peer that is no member is cut off');
        this.#cutOff(peer, 'gone');
      } else if (verdict === 'unreachable') void overlay.disconnect(peer);
    }
  }

  #isRefused(peer: PeerId): boolean {
    return this.#isBlacklisted(peer) || (this.#policy?.judge(peer) ?? 'allowed') !== 'allowed';
  }

  #isBlacklisted(peer: PeerId): boolean {
    return this.context.peers.findByPeerId(peer)?.relation === RELATIONS.BLACKLIST;
  }

  #announceReady(): void {
    const { constants, settings, signal, timers } = this.context;
    const role = [settings.roles.node && 'node', settings.roles.indexer && 'indexer']
      .filter(Boolean)
      .join(',');
    const timer = timers.every(constants.tickMs / 20, () => {
      if (!this.isReady) return;
      timer.cancel();
      this.events.publish('daemon.ready', { role });
    });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }
}
