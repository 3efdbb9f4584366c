/**
 * Streams to peers and content routing, core's ports, on the hardened host of this folder: for services with a network
 * of their own, such as coordination. What discovery's overlay has beyond that (topics, values, probes) is left out.
 *
 * Fault model: that of the overlay; without a pre-shared key, anybody who reaches the port may connect. Every stream
 * belongs to an authenticated peer, and what it may cost is bounded: streams of a protocol and bytes of a stream, provider
 * entries of a peer and of all, connections.
 */

import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import type {
  Clock,
  ContentRouting,
  Logger,
  PeerStream,
  PeerStreams,
  PeerTarget,
  Random,
  TimerHandle,
  Timers,
  WaitLimit,
} from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { CID } from 'multiformats/cid';
import { create as multihash } from 'multiformats/hashes/digest';
import { discoveryErrors } from '../../errors.ts';
import type { AddrInfo } from '../../wire/messages.ts';
import type { ConnectionPolicy, Refusals } from '../connection-policy.ts';
import { Libp2pByteStream } from './byte-stream.ts';
import { type ConnectionLimits, connectionsToClose } from './connection-limits.ts';
import type { StoreLimits } from './datastore.ts';
import { startDeadline } from './deadline.ts';
import { Libp2pDht } from './dht.ts';
import { connectTo, openStream } from './dialling.ts';
import { type BaseServices, createPlainHost, type Host } from './host.ts';
import { keptPeers, partsOf, rememberDiscovered, type SharedParts, usableOf } from './parts.ts';
import { remoteOf } from './stream-core.ts';

/** Streams of one protocol on one connection, in each direction: a cold start of a fleet asks in bursts. */
export const MAX_PROTOCOL_STREAMS = 512;
const DEFAULT_MAX_CONNECTIONS = 1_000;
const TRIM_MS = 10_000;
/**
 * A search for providers ends so long after the first was found: who waits for content is better served by a few at once than
 * by all of them when the slowest peer has answered.
 */
const PROVIDER_GRACE_MS = 50;
/** Members are dialled and looked up whenever the table is too small; this is for what comes and goes unnoticed. */
const SELF_LOOKUP_INTERVAL_MS = 300_000;
const SHA2_256 = 0x12;
const RAW_CODEC = 0x55;

/** In small fleets every member keeps the provider entries of all objects of all members. */
const PROVIDER_LIMITS: StoreLimits = {
  records: 0,
  providers: 262_144,
  strangers: 4_096,
  provided: 65_536,
  answered: 20,
};

export interface PeerNetworkOptions {
  readonly identity: Identity;
  /** 32 bytes; absent: the network is open to all who reach it. */
  readonly psk?: Uint8Array;
  /** Multiaddrs to listen on, without `/p2p`; port 0 takes a free one. */
  readonly listen: readonly string[];
  /** Further multiaddrs to hand out, without `/p2p`. @default none */
  readonly announce?: readonly string[];
  /** Hand out loopback addresses, too; for fleets on one host. @default false */
  readonly allowLoopback?: boolean;
  /** Protocol of the provider table, such as `/gantry/kad/1.0.0`. */
  readonly dhtProtocol: string;
  /** @default 1000 */
  readonly maxConnections?: number;
  /** Closes idle connections above `high`. @default never */
  readonly connections?: ConnectionLimits;
  /** Who may connect. @default all who have the pre-shared key */
  readonly policy?: ConnectionPolicy;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** A host of its own with both ports. */
export interface PeerNetwork {
  readonly streams: PeerStreams;
  readonly routing: ContentRouting;
  /** Multiaddrs that it listens on, before they are filtered, without `/p2p`; empty until it is started. */
  listenAddresses(): readonly string[];
  /** Called when our addresses may have changed. Returns the function that ends it. */
  onAddresses(listener: () => void): () => void;
  /** Listens and joins the table as a server. Rejects OVERLAY_START_FAILED. */
  start(): Promise<void>;
  /** Closes every stream and connection. May be called twice. */
  stop(): Promise<void>;
}

/** Makes a host that has not been started: nothing listens yet. Rejects OVERLAY_START_FAILED. */
export async function createPeerNetwork(options: PeerNetworkOptions): Promise<PeerNetwork> {
  const parts = partsOf(options, PROVIDER_LIMITS);
  const refusals = refusalsOf(options.policy);
  try {
    const host = await createPlainHost({
      identity: options.identity,
      psk: options.psk,
      random: options.random,
      listen: options.listen,
      announce: options.announce ?? [],
      isAnnounced: (address) => usableOf([address], options).length > 0,
      maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
      datastore: parts.datastore,
      refusals,
      onPskMismatch: parts.onPskMismatch,
      addressesOf: (peer) => parts.discovered.get(peer.toString()) ?? [],
    });
    return new Libp2pPeerNetwork(options, parts, host);
  } catch (error) {
    throw discoveryErrors.create('OVERLAY_START_FAILED', 'the host could not be made', { cause: error });
  }
}

class Libp2pPeerNetwork implements PeerNetwork {
  readonly streams: PeerStreams;
  readonly routing: ContentRouting;
  readonly #options: PeerNetworkOptions;
  readonly #libp2p: Libp2p<BaseServices>;
  readonly #table: Libp2pDht;
  #trimmer: TimerHandle | undefined;
  #stopJudging: (() => void) | undefined;

  constructor(options: PeerNetworkOptions, parts: SharedParts, host: Host<BaseServices>) {
    const { libp2p, components } = host;
    const self = options.identity.peerId;
    this.#options = options;
    this.#libp2p = libp2p;
    this.#table = new Libp2pDht({
      libp2p,
      components,
      datastore: parts.datastore,
      rules: parts.rules,
      timers: options.timers,
      clock: options.clock,
      onDiscovered: (peer) => rememberDiscovered(parts, self, peer),
      connect: (to, signal) => connectTo(libp2p, to, signal),
      network: {
        protocol: options.dhtProtocol,
        maxInboundStreams: MAX_PROTOCOL_STREAMS,
        maxOutboundStreams: MAX_PROTOCOL_STREAMS,
        selfLookupIntervalMs: SELF_LOOKUP_INTERVAL_MS,
      },
    });
    parts.kept.has = keptPeers(libp2p, self, new Set());
    this.streams = new Libp2pStreams(libp2p, options);
    this.routing = new Libp2pRouting(libp2p, this.#table, options.timers);
  }

  listenAddresses(): readonly string[] {
    return this.#libp2p.getMultiaddrs().map(bareOf);
  }

  onAddresses(listener: () => void): () => void {
    const onUpdate = (): void => listener();
    this.#libp2p.addEventListener('self:peer:update', onUpdate);
    return () => this.#libp2p.removeEventListener('self:peer:update', onUpdate);
  }

  async start(): Promise<void> {
    try {
      await this.#libp2p.start();
      await this.#table.start('server');
    } catch (error) {
      await this.stop();
      const listen = this.#options.listen.join(', ');
      throw discoveryErrors.create('OVERLAY_START_FAILED', `the host could not be started on ${listen}`, {
        cause: error,
      });
    }
    const { policy } = this.#options;
    if (policy !== undefined) this.#stopJudging = policy.onChange(() => this.#cutRefused(policy));
    if (this.#options.connections === undefined) return;
    const limits = this.#options.connections;
    this.#trimmer = this.#options.timers.every(TRIM_MS, () => this.#trim(limits));
  }

  async stop(): Promise<void> {
    this.#trimmer?.cancel();
    this.#stopJudging?.();
    await this.#table.stop();
    for (const connection of this.#libp2p.getConnections()) {
      for (const stream of connection.streams) stream.abort(new Error('the host is stopping'));
    }
    await this.#libp2p.stop();
  }

  #cutRefused(policy: ConnectionPolicy): void {
    for (const connection of this.#libp2p.getConnections()) {
      if (policy.judge(connection.remotePeer.toString()) === 'allowed') continue;
      connection.abort(discoveryErrors.create('STREAM_RESET', 'disconnected by this side'));
    }
  }

  #trim(limits: ConnectionLimits): void {
    const facts = this.#libp2p.getConnections().map((connection) => ({
      connection,
      openedAt: connection.timeline.open,
      streams: connection.streams.length,
    }));
    for (const { connection } of connectionsToClose(facts, limits, this.#options.clock.now())) {
      connection.close().catch(() => connection.abort(new Error('too many connections')));
    }
  }
}

class Libp2pStreams implements PeerStreams {
  readonly self: string;
  readonly #libp2p: Libp2p<BaseServices>;
  readonly #options: PeerNetworkOptions;
  #registering: Promise<unknown> = Promise.resolve();

  constructor(libp2p: Libp2p<BaseServices>, options: PeerNetworkOptions) {
    this.self = options.identity.peerId;
    this.#libp2p = libp2p;
    this.#options = options;
  }

  addresses(): readonly string[] {
    return usableOf(this.#libp2p.getMultiaddrs().map(bareOf), this.#options);
  }

  async open(to: PeerTarget, protocols: readonly string[], limit: WaitLimit): Promise<PeerStream> {
    const { timers } = this.#options;
    const running = startDeadline(timers, limit, `opening ${protocols.join(', ')}`);
    try {
      const connection = await connectTo(this.#libp2p, infoOf(to), running.signal);
      const stream = await openStream(connection, protocols, running.signal, MAX_PROTOCOL_STREAMS);
      return new Libp2pByteStream(stream, remoteOf(connection), timers);
    } finally {
      running.clear();
    }
  }

  serve(
    protocol: string,
    handler: (stream: PeerStream) => Promise<void>,
    options: { readonly maxInboundStreams?: number } = {},
  ): () => void {
    const limits = {
      maxInboundStreams: options.maxInboundStreams ?? MAX_PROTOCOL_STREAMS,
      maxOutboundStreams: MAX_PROTOCOL_STREAMS,
      force: true as const,
    };
    const onStream = (stream: Stream, connection: Connection): void =>
      this.#handle(stream, connection, handler);
    this.#inOrder(() => this.#libp2p.handle(protocol, onStream, limits));
    return () => this.#inOrder(() => this.#libp2p.unhandle(protocol));
  }

  connectedPeers(): readonly string[] {
    return this.#libp2p.getPeers().map((peer) => peer.toString());
  }

  #handle(stream: Stream, connection: Connection, handler: (stream: PeerStream) => Promise<void>): void {
    const bytes = new Libp2pByteStream(stream, remoteOf(connection), this.#options.timers);
    handler(bytes).then(
      () => (bytes.isClosing ? bytes.linger() : bytes.reset()),
      (error: unknown) => {
        bytes.reset();
        const fields = { peer: bytes.remotePeer, proto: bytes.protocol, error };
        this.#options.logger.debug(fields, 'a stream ended with an error');
      },
    );
  }

  /** Registrations take effect one after the other. */
  #inOrder(change: () => Promise<void>): void {
    this.#registering = this.#registering.then(change).catch((error: unknown) => {
      this.#options.logger.error({ error }, 'a protocol could not be registered');
    });
  }
}

class Libp2pRouting implements ContentRouting {
  readonly #libp2p: Libp2p<BaseServices>;
  readonly #table: Libp2pDht;
  readonly #timers: Timers;

  constructor(libp2p: Libp2p<BaseServices>, table: Libp2pDht, timers: Timers) {
    this.#libp2p = libp2p;
    this.#table = table;
    this.#timers = timers;
  }

  get routingTableSize(): number {
    return this.#table.routingTableSize;
  }

  async provide(sha256: Uint8Array, limit: WaitLimit): Promise<void> {
    await this.#table.announceNearby(cidOf(sha256), limit);
  }

  async withdraw(sha256: Uint8Array): Promise<void> {
    await this.#table.withdraw(cidOf(sha256));
  }

  async findProviders(
    sha256: Uint8Array,
    options: WaitLimit & { readonly count: number },
  ): Promise<readonly PeerTarget[]> {
    const providers = await this.#table.findNearby(cidOf(sha256), { ...options, graceMs: PROVIDER_GRACE_MS });
    return providers.map(({ ID, Addrs }) => ({ id: ID, addresses: Addrs }));
  }

  async bootstrap(peers: readonly PeerTarget[], limit: WaitLimit): Promise<number> {
    const running = startDeadline(this.#timers, limit, 'bootstrap');
    const { signal } = running;
    const dials = await Promise.allSettled(
      peers.map((peer) => connectTo(this.#libp2p, infoOf(peer), signal)),
    );
    running.clear();
    const answered = peers.filter((_, index) => dials[index]?.status === 'fulfilled');
    // They are known to the table when they have told what they serve; our neighbours are looked up then.
    if (answered.length > 0) void this.#table.bootstrap(answered.map(infoOf), limit);
    return answered.length;
  }
}

function refusalsOf(policy: ConnectionPolicy | undefined): Refusals {
  return {
    isRefused: (peer) => policy !== undefined && policy.judge(peer) !== 'allowed',
    reconsider: async (peer) => await policy?.reconsider?.(peer),
  };
}

function infoOf(target: PeerTarget): AddrInfo {
  return { ID: target.id, Addrs: [...target.addresses] };
}

function bareOf(address: { toString(): string }): string {
  return address.toString().split('/p2p/')[0] as string;
}

function cidOf(sha256: Uint8Array): string {
  if (sha256.length !== 32) throw new RangeError('a SHA-256 has 32 bytes');
  return CID.createV1(RAW_CODEC, multihash(SHA2_256, sha256)).toString();
}
