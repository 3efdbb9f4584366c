/**
 * The overlay on js-libp2p. This folder is the only code that knows the library.
 *
 * Fault model: peers hold the pre-shared key and prove who they are, and may do anything else. Every byte that comes in
 * belongs to an authenticated peer, has a limit, a deadline and a defined failure; who is refused is cut as soon as his
 * identity is proven.
 */

import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { KEEP_ALIVE } from '@libp2p/interface';
import type { Logger, TimerHandle, Timers } from '@muster/core';
import { discoveryErrors } from '../../errors.ts';
import type { AddrInfo, PeerId } from '../../wire/messages.ts';
import { PROTOCOLS } from '../../wire/protocols.ts';
import type {
  Deadline,
  Dht,
  FrameStream,
  Gossip,
  Overlay,
  PeerEvent,
  RemotePeer,
  StreamHandler,
} from '../overlay.ts';
import { raceAbort, startDeadline } from './deadline.ts';
import { Libp2pDht } from './dht.ts';
import { connectTo, openStream } from './dialling.ts';
import { EchoServer, echoOver } from './echo.ts';
import { Libp2pFrameStream } from './frame-stream.ts';
import { Libp2pGossip } from './gossip.ts';
import {
  createHost,
  type Host,
  type HostServices,
  MAX_INBOUND_STREAMS,
  MAX_OUTBOUND_STREAMS,
} from './host.ts';
import type { Libp2pOverlayOptions } from './options.ts';
import { keptPeers, parsePeer, partsOf, type SharedParts, rememberDiscovered, usableOf } from './parts.ts';
import { remoteOf } from './stream-core.ts';

/** Our tag on peers that are kept; libp2p dials those again that it loses. */
const TAG = `${KEEP_ALIVE}-muster`;
const TAG_VALUE = 100;
/** How often what has gone is cleared away. */
const SWEEP_MS = 10_000;

/** Makes an overlay that has not been started: nothing listens yet. Rejects OVERLAY_START_FAILED. */
export async function createLibp2pOverlay(options: Libp2pOverlayOptions): Promise<Overlay> {
  const parts = partsOf(options);
  try {
    const host = await createHost({
      identity: options.identity,
      psk: options.psk,
      random: options.random,
      listen: options.listen,
      announce: options.announce ?? [],
      isAnnounced: (address) => usableOf([address], options).length > 0,
      maxConnections: options.maxConnections ?? 700,
      datastore: parts.datastore,
      refusals: {
        isRefused: (peer) => parts.isRefused(peer),
        reconsider: (peer) => parts.reconsider(peer),
      },
      onPskMismatch: parts.onPskMismatch,
      addressesOf: (peer) => parts.discovered.get(peer.toString()) ?? [],
    });
    return new Libp2pOverlay(options, parts, host);
  } catch (error) {
    throw discoveryErrors.create('OVERLAY_START_FAILED', 'the host could not be made', { cause: error });
  }
}

class Libp2pOverlay implements Overlay {
  readonly self: PeerId;
  readonly gossip: Gossip;
  readonly dht: Dht;
  readonly #options: Libp2pOverlayOptions;
  readonly #parts: SharedParts;
  readonly #libp2p: Libp2p<HostServices>;
  readonly #table: Libp2pDht;
  readonly #topics: Libp2pGossip;
  readonly #echo: EchoServer;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  readonly #protocols = new Map<PeerId, readonly string[]>();
  readonly #protected = new Set<PeerId>();
  #registering: Promise<unknown> = Promise.resolve();
  #sweep: TimerHandle | undefined;

  constructor(options: Libp2pOverlayOptions, parts: SharedParts, host: Host<HostServices>) {
    const { libp2p, components } = host;
    this.self = options.identity.peerId;
    this.#options = options;
    this.#parts = parts;
    this.#libp2p = libp2p;
    this.#timers = options.timers;
    this.#logger = options.logger;
    this.#echo = new EchoServer(options.timers, options.constants);
    this.#table = new Libp2pDht({
      libp2p,
      components,
      datastore: parts.datastore,
      rules: parts.rules,
      timers: options.timers,
      clock: options.clock,
      onDiscovered: (peer) => rememberDiscovered(parts, this.self, peer),
      connect: (to, signal) => this.#connect(to, signal),
    });
    this.dht = this.#table;
    this.#topics = new Libp2pGossip(libp2p.services.gossipsub, options.logger);
    this.gossip = this.#topics;
    parts.kept.has = keptPeers(libp2p, this.self, this.#protected);
    this.#listen();
    this.#register(PROTOCOLS.probe, (stream, connection) =>
      this.#echo.serve(stream, connection.remotePeer.toString()),
    );
  }

  addresses(): readonly string[] {
    const own = this.#libp2p.getMultiaddrs().map((address) => address.toString());
    return usableOf([...(this.#options.announce ?? []), ...own], this.#options);
  }

  async start(): Promise<void> {
    try {
      await this.#registering;
      await this.#libp2p.start();
    } catch (error) {
      throw discoveryErrors.create('OVERLAY_START_FAILED', 'the host could not be started', { cause: error });
    }
    this.#sweep = this.#timers.every(SWEEP_MS, () => {
      this.#topics.forgetGone((peer) => this.#connectionsWith(peer).length > 0);
    });
  }

  async stop(): Promise<void> {
    this.#sweep?.cancel();
    await this.#table.stop();
    for (const connection of this.#libp2p.getConnections()) {
      for (const stream of connection.streams) stream.abort(new Error('the overlay is stopping'));
    }
    await this.#libp2p.stop();
  }

  async open(to: AddrInfo, protocol: string, deadline: Deadline): Promise<FrameStream> {
    const { stream, connection } = await this.#openRaw(to, protocol, deadline);
    return new Libp2pFrameStream(stream, remoteOf(connection), this.#timers);
  }

  handle(protocol: string, handler: StreamHandler): void {
    this.#register(protocol, (stream, connection) => {
      const frames = new Libp2pFrameStream(stream, remoteOf(connection), this.#timers);
      handler(frames).then(
        () => (frames.isClosing ? frames.linger() : frames.reset()),
        (error: unknown) => {
          frames.reset();
          this.#logger.debug(
            { peer: frames.remote.peer, proto: protocol, error },
            'a stream ended with an error',
          );
        },
      );
    });
  }

  unhandle(protocol: string): void {
    this.#inOrder(() => this.#libp2p.unhandle(protocol));
  }

  connections(): readonly RemotePeer[] {
    return this.#libp2p.getConnections().filter(isOpen).map(remoteOf);
  }

  isConnected(peer: PeerId): boolean {
    return this.#connectionsWith(peer).some(isOpen);
  }

  async disconnect(peer: PeerId): Promise<void> {
    await this.#forgetTags(peer);
    for (const connection of this.#connectionsWith(peer)) {
      connection.abort(discoveryErrors.create('STREAM_RESET', 'disconnected by this side'));
    }
  }

  protect(peer: PeerId, isProtected: boolean): void {
    if (isProtected) this.#protected.add(peer);
    else this.#protected.delete(peer);
    this.#tag(peer, isProtected);
  }

  protocols(peer: PeerId): readonly string[] | undefined {
    return this.#protocols.get(peer);
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  refuse(isRefused: (peer: PeerId) => boolean, reconsider?: (peer: PeerId) => Promise<void>): void {
    this.#parts.isRefused = isRefused;
    if (reconsider !== undefined) this.#parts.reconsider = reconsider;
  }

  async echo(to: AddrInfo, bytes: number, deadline: Deadline): Promise<number> {
    const running = startDeadline(this.#timers, deadline, 'the probe');
    try {
      const { stream } = await this.#openRaw(to, PROTOCOLS.probe, deadline);
      const started = this.#options.clock.monotonic();
      await echoOver(stream, this.#options.random.bytes(bytes), running.signal);
      return this.#options.clock.monotonic() - started;
    } finally {
      running.clear();
    }
  }

  async #openRaw(
    to: AddrInfo,
    protocol: string,
    deadline: Deadline,
  ): Promise<{ stream: Stream; connection: Connection }> {
    const running = startDeadline(this.#timers, deadline, `opening ${protocol}`);
    try {
      const connection = await this.#connect(to, running.signal);
      return { connection, stream: await openStream(connection, protocol, running.signal) };
    } finally {
      running.clear();
    }
  }

  async #connect(to: AddrInfo, signal: AbortSignal): Promise<Connection> {
    const { isRefused, reconsider } = this.#parts;
    if (isRefused(to.ID)) await raceAbort(reconsider(to.ID), signal);
    if (isRefused(to.ID)) {
      throw discoveryErrors.create('DIAL_REFUSED', `${to.ID} is refused here`, { details: { peer: to.ID } });
    }
    return connectTo(this.#libp2p, to, signal);
  }

  #connectionsWith(peer: PeerId): Connection[] {
    const id = parsePeer(peer);
    return id === undefined ? [] : this.#libp2p.getConnections(id);
  }

  #register(protocol: string, handler: (stream: Stream, connection: Connection) => void): void {
    this.#inOrder(() =>
      this.#libp2p.handle(protocol, handler, {
        maxInboundStreams: MAX_INBOUND_STREAMS,
        maxOutboundStreams: MAX_OUTBOUND_STREAMS,
        force: true,
      }),
    );
  }

  /** Registrations take effect one after the other. */
  #inOrder(change: () => Promise<void>): void {
    this.#registering = this.#registering.then(change).catch((error: unknown) => {
      this.#logger.error({ error }, 'a protocol could not be registered');
    });
  }

  #listen(): void {
    const libp2p = this.#libp2p;
    libp2p.addEventListener('peer:connect', (event) => {
      const peer = event.detail.toString();
      const [connection] = libp2p.getConnections(event.detail);
      if (connection === undefined) return;
      if (this.#protected.has(peer)) this.#tag(peer, true);
      this.#emit({ kind: 'connected', remote: remoteOf(connection) });
    });
    libp2p.addEventListener('peer:disconnect', (event) => {
      const peer = event.detail.toString();
      this.#protocols.delete(peer);
      this.#emit({ kind: 'disconnected', peer });
    });
    libp2p.addEventListener('peer:identify', (event) => {
      const peer = event.detail.peerId.toString();
      if (!this.isConnected(peer)) return;
      const { protocols } = event.detail;
      this.#protocols.set(peer, protocols);
      this.#emit({ kind: 'identified', peer, protocols });
    });
  }

  #emit(event: PeerEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error({ error, kind: event.kind }, 'a listener of peer events failed');
      }
    }
  }

  #tag(peer: PeerId, isProtected: boolean): void {
    const id = parsePeer(peer);
    if (id === undefined) return;
    const tags = { [TAG]: isProtected ? { value: TAG_VALUE } : undefined };
    this.#libp2p.peerStore.merge(id, { tags }).catch((error: unknown) => {
      this.#logger.error({ peer, error }, 'a peer could not be tagged');
    });
  }

  /** Whoever has tagged the peer to be kept alive would have it dialled again. */
  async #forgetTags(peer: PeerId): Promise<void> {
    this.#protected.delete(peer);
    const id = parsePeer(peer);
    if (id === undefined || !(await this.#libp2p.peerStore.has(id))) return;
    const { tags } = await this.#libp2p.peerStore.get(id);
    const none = [...tags.keys()].map((name) => [name, undefined] as const);
    await this.#libp2p.peerStore.merge(id, { tags: Object.fromEntries(none) });
  }
}

function isOpen(connection: Connection): boolean {
  return connection.status === 'open';
}
