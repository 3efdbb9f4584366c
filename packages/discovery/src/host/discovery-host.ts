/**
 * A daemon as a program runs it: keys, pre-shared key and store from files, the overlay on TCP, metrics, the status
 * endpoint (discovery spec section 5). Everything that it opens, `stop` closes, also when the start fails half-way.
 */

import { join } from 'node:path';
import {
  type Clock,
  fileStorage,
  type Logger,
  MetricsRegistry,
  processMetrics,
  type Random,
  type Timers,
} from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { type DiscoveryConfig, withoutSelf } from '../config/index.ts';
import { discoveryConstants } from '../constants.ts';
import { DiscoveryDaemon } from '../daemon.ts';
import { SeenPeersFile } from '../indexer/seen-peers-file.ts';
import { StatusServer, statusSourceOf } from '../http/index.ts';
import { loadKeyPair } from '../identity/adapters/key-files.ts';
import { readPskFile } from '../identity/adapters/psk-file.ts';
import type { Psk } from '../identity/psk.ts';
import { countedOverlay, declareDiscoveryMetrics, logEvents, StreamCounts } from '../observability/index.ts';
import { type ConnectionPolicy, createLibp2pOverlay } from '../overlay/libp2p/index.ts';
import type { Overlay } from '../overlay/overlay.ts';
import { randomDid } from './random-did.ts';
import type { RecordCrypto } from '../records/record-crypto.ts';
import { ed25519Crypto } from '../records/ed25519-crypto.ts';
import type { DiscoverySettings } from '../settings.ts';
import { FilePeerStore } from '../stores/adapters/file-peer-store.ts';
import { MemoryPeerStore } from '../stores/memory-peer-store.ts';
import { type PeerStore, RELATIONS } from '../stores/peer-store.ts';
import { prepareDataFolder } from './adapters/data-folder.ts';
import { eventLoopLag } from './adapters/event-loop-lag.ts';

export interface HostOptions {
  readonly config: DiscoveryConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Who may connect, beside the pre-shared key and the blacklist. @default everybody */
  readonly policy?: ConnectionPolicy;
  /** Whether the figures of the process are among the metrics; for one host of a process. @default true */
  readonly showsProcess?: boolean;
  /** Puts something between the daemon and the network, which may alter what passes: liars of demonstrations and tests. */
  readonly alterOverlay?: (overlay: Overlay) => Overlay;
}

/** Slots for connections beside those of the nodes (4.3). */
const SPARE_CONNECTIONS = 200;

/** A running daemon with what surrounds it. */
export class DiscoveryHost {
  readonly daemon: DiscoveryDaemon;
  readonly identity: Identity;
  readonly settings: DiscoverySettings;
  readonly metrics: MetricsRegistry;
  /** For people to compare; the key cannot be told from it. */
  readonly pskFingerprint: string;
  /** What an operator should know: open key files, settings that do nothing. */
  readonly warnings: readonly string[];
  readonly startedAt: number;
  readonly #closers: Closers;
  #statusAddress: { readonly host: string; readonly port: number } | undefined;

  private constructor(parts: HostParts) {
    this.daemon = parts.daemon;
    this.identity = parts.identity;
    this.settings = parts.settings;
    this.metrics = parts.metrics;
    this.pskFingerprint = parts.psk.fingerprint;
    this.warnings = parts.warnings;
    this.startedAt = parts.startedAt;
    this.#closers = parts.closers;
  }

  /**
   * Starts it. Indexers need not be reachable (F:20).
   *
   * @throws KEY_FILE_INVALID, PSK_INVALID, STORE_INVALID, STORE_FAILED, OVERLAY_START_FAILED, DHT_FAILED; of the status endpoint the
   * system's error, such as EADDRINUSE.
   */
  static async start(options: HostOptions): Promise<DiscoveryHost> {
    const closers = new Closers();
    try {
      const parts = await makeParts(options, closers);
      const host = new DiscoveryHost(parts);
      closers.add(() => parts.daemon.stop());
      await parts.daemon.start();
      await host.#serveStatus(options);
      return host;
    } catch (error) {
      await closers.close();
      throw error;
    }
  }

  /** Where the status endpoint listens; undefined when it is off. */
  get statusAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.#statusAddress;
  }

  /** Our addresses as seeds for others, with `/p2p`. */
  get addresses(): readonly string[] {
    const { overlay, self } = this.daemon.context;
    return overlay.addresses().map((address) => `${address}/p2p/${self}`);
  }

  /** Ends everything (5.4). Safe to call more than once. */
  async stop(): Promise<void> {
    await this.#closers.close();
  }

  async #serveStatus({ config, version }: HostOptions): Promise<void> {
    const { statusPort } = config.process;
    if (statusPort === undefined) return;
    const { daemon, metrics, startedAt } = this;
    const server = new StatusServer(statusSourceOf(daemon, { version, startedAt, metrics }));
    this.#closers.add(() => server.close());
    this.#statusAddress = await server.listen(statusPort);
  }
}

interface HostParts {
  readonly daemon: DiscoveryDaemon;
  readonly identity: Identity;
  readonly psk: Psk;
  readonly settings: DiscoverySettings;
  readonly metrics: MetricsRegistry;
  readonly warnings: readonly string[];
  readonly startedAt: number;
  readonly closers: Closers;
}

/** Closes what was opened, the newest first, each once. */
class Closers {
  #pending: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  add(close: () => Promise<void> | void): void {
    this.#pending.push(close);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    await this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#pending.pop(); close !== undefined; close = this.#pending.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

async function makeParts(options: HostOptions, closers: Closers): Promise<HostParts> {
  const { config, clock, timers, random, logger } = options;
  const { process } = config;
  const keys = await loadKeyPair(process, { generate: process.generateKeys });
  const { psk, isOpenToOthers } = await readPskFile(process.pskPath);
  const { identity } = keys;
  const peers = await openStore(options, closers);
  const crypto = ed25519Crypto(identity);
  const settings = await settingsFor(config.settings, crypto, peers, options);
  const constants = discoveryConstants(process.timeScale);
  const streams = new StreamCounts();
  const overlay = await createLibp2pOverlay({
    identity,
    psk: psk.bytes,
    listen: [`/ip4/${process.listenHost}/tcp/${process.port}`],
    announce: process.announceAddresses,
    allowLoopback: settings.allowLoopback,
    maxConnections: settings.maxNodes + SPARE_CONNECTIONS,
    constants,
    clock,
    timers,
    random,
    logger: logger.child({ part: 'overlay' }),
  });
  const daemon = new DiscoveryDaemon({
    settings,
    constants,
    clock,
    timers,
    random,
    logger,
    overlay: countedOverlay(options.alterOverlay?.(overlay) ?? overlay, streams),
    crypto,
    peers,
    ...(options.policy !== undefined && { policy: options.policy }),
    ...(process.store.kind === 'file' && {
      seenPeers: new SeenPeersFile(fileStorage, join(process.store.directory, 'seen-peers.json')),
    }),
  });
  closers.add(logEvents(daemon.events, logger));
  return {
    daemon,
    identity,
    psk,
    settings,
    metrics: makeMetrics(daemon, streams, options, closers),
    warnings: [
      ...config.warnings,
      ...(keys.isOpenToOthers
        ? [`others may read the private key: chmod 600 ${process.privateKeyPath}`]
        : []),
      ...(isOpenToOthers ? [`others may read the pre-shared key: chmod 600 ${process.pskPath}`] : []),
    ],
    startedAt: clock.now(),
    closers,
  };
}

/** Without ourselves among the seeds, and with the DID that the store keeps, which a new one is put into at once. */
async function settingsFor(
  settings: DiscoverySettings,
  crypto: RecordCrypto,
  peers: PeerStore,
  { clock, random }: HostOptions,
): Promise<DiscoverySettings> {
  const others = withoutSelf(settings, crypto.self);
  if (settings.didMode !== 'stored') return others;
  const stored = peers.self();
  if (stored !== undefined) return { ...others, storedDid: stored.id };
  const storedDid = randomDid(random);
  await peers.upsert({
    id: storedDid,
    name: settings.name,
    peer_id: crypto.self,
    public_key: crypto.publicKey,
    api_url: settings.hostname,
    stream_address: '',
    nats_address: settings.natsAddress,
    wallet_address: settings.walletAddress,
    relation: RELATIONS.SELF,
    verify: true,
    updated_at: clock.now(),
  });
  return { ...others, storedDid };
}

async function openStore({ config, logger }: HostOptions, closers: Closers): Promise<PeerStore> {
  const { store } = config.process;
  if (store.kind === 'memory') return new MemoryPeerStore();
  await prepareDataFolder(store.directory);
  const peers = await FilePeerStore.open(join(store.directory, 'peers.json'), { logger });
  closers.add(() => peers.close());
  return peers;
}

function makeMetrics(
  daemon: DiscoveryDaemon,
  streams: StreamCounts,
  { showsProcess = true }: HostOptions,
  closers: Closers,
): MetricsRegistry {
  const metrics = new MetricsRegistry();
  const { pool, events, indexer, context } = daemon;
  closers.add(
    declareDiscoveryMetrics(metrics, {
      events,
      pool,
      ...(indexer !== undefined && {
        indexer: {
          table: indexer.agent.table,
          behaviour: indexer.behaviour,
          referenced: indexer.referenced,
          cachedScore: () => indexer.agent.cachedScore(),
        },
      }),
      connections: () => context.overlay.connections().length,
      routingTableSize: () => context.overlay.dht.routingTableSize,
      isReady: () => daemon.isReady,
      streams,
    }),
  );
  if (showsProcess) {
    const lag = eventLoopLag();
    closers.add(() => lag.stop());
    metrics.collected(
      'gauge',
      'oc_event_loop_lag_seconds',
      'How late the event loop was since the last look.',
      () => {
        const { mean, p99 } = lag.read();
        return [
          { labels: { figure: 'mean' }, value: mean },
          { labels: { figure: 'p99' }, value: p99 },
        ];
      },
    );
    metrics.addSource(processMetrics());
  }
  return metrics;
}
