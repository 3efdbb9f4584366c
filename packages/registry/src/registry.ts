import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  EventBus,
  fileStorage,
  MetricsRegistry,
  type MusterError,
  processMetrics,
  silentLogger,
  systemClock,
  systemRandom,
  systemTimers,
  type Clock,
  type Logger,
  type Random,
  type Timers,
} from '@muster/core';
import { AdmissionControl, WHITELIST_FILE_NAME, WhitelistFile } from './admission/index.ts';
import { AdminTokens, recommendedConcurrency, SignatureVerifier, VerificationThreads } from './auth/index.ts';
import { BREAKER_FILE_NAME, BreakerFile, BreakerSet } from './breakers/index.ts';
import type { Engine } from './engine/engine.ts';
import { createHttpServer, type HttpServer, type ServiceStatus } from './http/index.ts';
import { type Durability, lockStore, type RecoveryReport, type StoreLock } from './log/index.ts';
import { Directory } from './model/directory.ts';
import type { RegistryEvent } from './model/events.ts';
import { NodeFlag } from './model/node-table.ts';
import { nodeOperatorFiles } from './operator-files/index.ts';
import type { AuditNote } from './operations/index.ts';
import { defaultConnectionLimits } from './server/limits.ts';
import { SessionHost } from './server/session-host.ts';
import { TcpServer } from './server/tcp-server.ts';
import { TlsMaterial } from './server/tls/index.ts';
import { registryErrors } from './service/errors.ts';
import { EventFeed } from './service/event-feed.ts';
import { httpDependencies } from './service/http-dependencies.ts';
import type { RegistryOptions } from './service/options.ts';
import { makeEngine } from './service/make-engine.ts';
import { declareMetrics } from './service/registry-metrics.ts';
import { startTasks } from './service/tasks.ts';
import { RegistryStore } from './service/store.ts';

const DEFAULT_STALE_THRESHOLD_MS = 30 * 60_000;

/** What the registry tells the rest of the program. */
export interface RegistryTopics {
  'audit.entry': AuditNote & { readonly atMs: number };
  'registry.events': { readonly events: readonly RegistryEvent[]; readonly lastSeq: number };
}

/**
 * The node directory: a running server. Started with {@link Registry.start}, ended with {@link Registry.stop}.
 *
 * Start: lock of the data folder, HTTP (answers `starting`), store, TCP. Stop: no new connections, what is under way is
 * answered, the log is flushed, the lock is let go.
 */
export class Registry {
  readonly bus: EventBus<RegistryTopics>;
  /** Events for readers that stay. */
  readonly feed: EventFeed;
  readonly metrics = new MetricsRegistry();
  readonly admission: AdmissionControl;
  readonly breakers = new BreakerSet();
  readonly breakerFile: BreakerFile;
  readonly whitelistFile: WhitelistFile;
  readonly verifier: SignatureVerifier;
  readonly adminTokens: AdminTokens;
  readonly startedAtMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly staleThresholdMs: number;
  readonly #options: RegistryOptions;
  readonly #threads: VerificationThreads;
  #status: ServiceStatus = 'starting';
  #state: Directory | undefined;
  #engine: Engine | undefined;
  #store: RegistryStore | undefined;
  #sessions: SessionHost | undefined;
  #server: TcpServer | undefined;
  #http: HttpServer | undefined;
  #lock: StoreLock | undefined;
  #tls: TlsMaterial | undefined;
  #port = 0;
  #httpPort = 0;
  #failed = false;
  #stopTasks: () => void = () => {};

  private constructor(options: RegistryOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.timers = options.timers ?? systemTimers;
    this.random = options.random ?? systemRandom;
    this.logger = options.logger ?? silentLogger;
    this.startedAtMs = this.clock.now();
    this.staleThresholdMs = options.staleThresholdMs ?? DEFAULT_STALE_THRESHOLD_MS;
    this.bus = new EventBus({
      onListenerError: (error, topic) => this.logger.error({ error, topic }, 'a listener failed'),
    });
    this.feed = new EventFeed({
      bus: this.bus,
      clock: this.clock,
      durableSeq: () => this.#store?.log.durableSeq ?? 0,
    });
    this.#threads = new VerificationThreads(options.verificationThreads ?? availableParallelism());
    this.verifier = new SignatureVerifier(this.random, {
      maxConcurrent: recommendedConcurrency(availableParallelism()),
      threads: this.#threads,
    });
    this.adminTokens = new AdminTokens(options.adminTokens ?? [], options.adminToken, this.random);
    this.admission = new AdmissionControl({
      startMs: this.clock.monotonic(),
      hashSeed: this.random.integer(2 ** 32),
      enabled: options.rateLimits ?? true,
      limitLoopback: options.limitLoopback ?? false,
      ...(options.limits?.admission === undefined ? {} : { limits: options.limits.admission }),
    });
    const files = { files: nodeOperatorFiles, timers: this.timers, log: this.logger };
    this.breakerFile = new BreakerFile({
      ...files,
      clock: this.clock,
      breakers: this.breakers,
      path: this.#pathOf(BREAKER_FILE_NAME),
    });
    this.whitelistFile = new WhitelistFile({
      ...files,
      path: this.#pathOf(WHITELIST_FILE_NAME),
      changed: (whitelist) => this.admission.setWhitelist(whitelist),
    });
  }

  /**
   * Starts a registry; resolves when it serves. Rejects with a coded error (`STORE_LOCKED`, `LOG_CORRUPT`,
   * `EADDRINUSE`, …) after everything that was started has been stopped again.
   */
  static async start(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options);
    try {
      await registry.#start();
    } catch (error) {
      await registry.stop();
      throw error;
    }
    return registry;
  }

  get status(): ServiceStatus {
    return this.#status;
  }

  /** The port that clients connect to. */
  get port(): number {
    return this.#port;
  }

  /** The port of the HTTP interface; 0 without one. */
  get httpPort(): number {
    return this.#httpPort;
  }

  /** Fingerprint that clients pin; undefined without TLS. */
  get tlsFingerprint(): string | undefined {
    return this.#tls?.fingerprint;
  }

  /** The state; undefined until the store has been loaded. For reading only. */
  get directory(): Directory | undefined {
    return this.#state;
  }

  /** The engine; undefined until the store has been loaded. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  get store(): RegistryStore | undefined {
    return this.#store;
  }

  get sessions(): SessionHost | undefined {
    return this.#sessions;
  }

  /** What opening the store found; undefined in memory. */
  get recovery(): RecoveryReport | undefined {
    return this.#store?.report;
  }

  /** When a write is acknowledged; `memory` without a data folder. */
  get durability(): Durability | 'memory' {
    const { directory, durability = 'batch' } = this.#options;
    return directory === undefined ? 'memory' : durability;
  }

  /** Live nodes that have been seen within the stale threshold. */
  nodesOnline(): number {
    const nodes = this.#state?.nodes;
    if (nodes === undefined) return 0;
    const since = Math.floor((this.clock.now() - this.staleThresholdMs) / 1000);
    let count = 0;
    for (let slot = 0; slot < nodes.usedSlots; slot++) {
      if (nodes.has(slot, NodeFlag.live) && (nodes.lastSeen[slot] as number) >= since) count++;
    }
    return count;
  }

  /** Reads changed PEM files again; open connections keep their certificate. */
  async reloadTls(): Promise<boolean> {
    return (await this.#tls?.reload()) ?? false;
  }

  /** Stops cleanly; harmless when repeated. */
  async stop(): Promise<void> {
    this.#status = this.#failed ? 'failed' : 'stopping';
    this.#stopTasks();
    await this.#server?.stopListening();
    if (this.#sessions !== undefined) {
      this.#sessions.isStopping = true;
      await this.#drain();
    }
    this.#server?.closeConnections();
    this.#server = undefined;
    await Promise.all([this.breakerFile.stop(), this.whitelistFile.stop()]);
    const store = this.#store;
    this.#store = undefined;
    try {
      if (!this.#failed) await store?.close();
    } finally {
      // Whatever became of the log: what keeps the process alive ends.
      await this.#http?.close();
      this.#http = undefined;
      await this.#threads.close();
      await this.#lock?.release();
      this.#lock = undefined;
    }
  }

  async #start(): Promise<void> {
    const { directory } = this.#options;
    if (directory !== undefined) {
      await fileStorage.makeDirectory(directory);
      this.#lock = await lockStore(directory);
    }
    await this.#startHttp();
    await Promise.all([this.breakerFile.start(), this.whitelistFile.start()]);
    await this.#load();
    await this.#listen();
    this.#stopTasks = startTasks({
      engine: this.#engine as Engine,
      sessions: this.#sessions as SessionHost,
      store: this.#store as RegistryStore,
      breakers: this.breakers,
      clock: this.clock,
      timers: this.timers,
      logger: this.logger,
      staleThresholdMs: this.staleThresholdMs,
    });
    this.#status = 'ok';
  }

  #pathOf(name: string): string | undefined {
    const { directory } = this.#options;
    return directory === undefined ? undefined : join(directory, name);
  }

  async #startHttp(): Promise<void> {
    const { http } = this.#options;
    if (http === undefined) return;
    this.#http = await createHttpServer(httpDependencies(this, this.#options.version ?? '0.1.0'));
    this.#httpPort = (await this.#http.listen(http)).port;
  }

  async #load(): Promise<void> {
    const options = this.#options;
    const state = new Directory(this.random, options.limits?.directory);
    const store = await RegistryStore.open(
      {
        directory: options.directory,
        storage: options.storage ?? fileStorage,
        clock: this.clock,
        timers: this.timers,
        random: this.random,
        logger: this.logger,
        durability: options.durability ?? 'batch',
        recover: options.recover ?? false,
        onDurable: (seq) => {
          this.#sessions?.durable(seq);
          this.feed.durable();
        },
        onFatal: (error) => this.#fatal(error),
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      },
      state,
    );
    this.#store = store;
    this.#state = state;
    this.feed.begin();
    const engine = makeEngine({
      options,
      registry: this,
      state,
      store,
      onBroken: (error) => this.#fatal(error),
    });
    this.#engine = engine;
    if (store.log.appendedSeq === 0 && options.standby !== true)
      engine.commit([backboneCreated(this.clock.now())]);
    engine.lists.start(store.log.appendedSeq);
    this.#sessions = new SessionHost({
      engine,
      admission: this.admission,
      limits: { ...defaultConnectionLimits, ...options.limits?.connections },
      clock: this.clock,
      timers: this.timers,
    });
    declareMetrics(this.metrics, {
      engine,
      verifier: this.verifier,
      admission: this.admission,
      sessions: this.#sessions,
      store,
      bus: this.bus,
      nodesOnline: () => this.nodesOnline(),
      uptimeSeconds: () => (this.clock.now() - this.startedAtMs) / 1000,
    });
    this.metrics.addSource(processMetrics());
  }

  async #listen(): Promise<void> {
    const { listen, tls = { kind: 'off' } } = this.#options;
    const sessions = this.#sessions as SessionHost;
    if (tls.kind !== 'off') {
      this.#tls = await TlsMaterial.load({
        source:
          tls.kind === 'files'
            ? { kind: 'files', certificatePath: tls.certificatePath, keyPath: tls.keyPath }
            : { kind: 'self_signed', directory: this.#pathOf('tls'), hostNames: tls.hostNames },
        clock: this.clock,
        random: this.random,
        log: this.logger,
      });
    }
    const server = new TcpServer({
      ...listen,
      sessions,
      logger: this.logger,
      ...(this.#tls === undefined ? {} : { tls: this.#tls.serverOptions }),
      onFatal: (error) =>
        this.#fatal(registryErrors.create('LISTENER_FAILED', error.message, { cause: error })),
    });
    this.#port = await server.listen();
    this.#server = server;
    const holder = server.tlsServer;
    if (holder !== undefined) this.#tls?.attach(holder);
  }

  /** Waits until everything that was decided is durable and its answers are out. */
  async #drain(): Promise<void> {
    const store = this.#store;
    if (store === undefined || this.#failed) return;
    const deadline = this.clock.monotonic() + 10_000;
    while (
      (this.verifier.running > 0 || store.log.durableSeq < store.log.appendedSeq) &&
      this.clock.monotonic() < deadline &&
      !this.#failed
    ) {
      await this.timers.sleep(5);
    }
  }

  #fatal(error: MusterError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#status = 'failed';
    this.logger.error({ error, code: error.code }, 'the registry cannot go on');
    this.#options.onFatal?.(error);
  }
}

/** The first event of a new store: since when the backbone exists. */
function backboneCreated(nowMs: number): RegistryEvent {
  const at = Math.floor(nowMs / 1000);
  return {
    type: 'network.created',
    id: 0,
    name: 'backbone',
    joinRule: 'open',
    enterprise: false,
    creator: 0,
    at,
  };
}
