/**
 * The overlay port on the simulated network: what `packages/discovery` sees of it is what js-libp2p would show, with
 * virtual latencies and faults. One object a process; a restarted process gets a new one.
 */

import {
  type AddrInfo,
  type Deadline,
  type Dht,
  DHT_PROTOCOL,
  discoveryErrors,
  type FrameStream,
  type Gossip,
  type Overlay,
  type PeerEvent,
  type PeerId,
  PROTOCOLS,
  type RemotePeer,
  type StreamHandler,
} from '@muster/discovery';
import type { SimProcess } from '../kernel/index.ts';
import {
  type Connection,
  type DialFailure,
  type DialResult,
  type Endpoint,
  type SimNetwork,
  TrafficCounters,
} from '../network/index.ts';
import { SimDht } from './sim-dht.ts';
import { SimGossip } from './sim-gossip.ts';
import { SimStream } from './sim-stream.ts';
import { AbortHub, Wait } from './waits.ts';

/** Bytes of the negotiation of one stream, and of identify, as js-libp2p sends them: about. */
const NEGOTIATION_BYTES = 60;
const IDENTIFY_BYTES = 420;
/** Changes of the protocol list are pushed together. */
const IDENTIFY_PUSH_MS = 1_000;

export interface SimOverlayOptions {
  readonly network: SimNetwork;
  readonly process: SimProcess;
  readonly peer: PeerId;
  /** Multiaddrs without `/p2p`. */
  readonly addresses: readonly string[];
  /** Above this, idle connections are closed, the oldest first. @default 300 */
  readonly maxConnections?: number;
}

export class SimOverlay implements Overlay, Endpoint {
  readonly self: PeerId;
  readonly host: PeerId;
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly counters = new TrafficCounters();
  readonly gossip: Gossip & SimGossip;
  readonly dht: Dht & SimDht;
  readonly hub = new AbortHub();
  readonly #addresses: readonly string[];
  readonly #maxConnections: number;
  readonly #handlers = new Map<string, StreamHandler>();
  readonly #connections = new Map<PeerId, Connection[]>();
  readonly #dials = new Map<PeerId, Set<(result: DialResult) => void>>();
  readonly #identified = new Map<PeerId, readonly string[]>();
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  readonly #streams = new Set<SimStream>();
  readonly #protected = new Set<PeerId>();
  readonly #met = new Set<PeerId>();
  #isRefused: (peer: PeerId) => boolean = () => false;
  readonly #remoteByPeer = new Map<PeerId, RemotePeer>();
  #remotes: readonly RemotePeer[] | undefined;
  #isStarted = false;
  #isPushing = false;

  constructor(options: SimOverlayOptions) {
    this.self = options.peer;
    this.host = options.peer;
    this.process = options.process;
    this.network = options.network;
    this.#addresses = options.addresses;
    this.#maxConnections = options.maxConnections ?? 300;
    this.gossip = new SimGossip(this);
    this.dht = new SimDht(this);
  }

  addresses(): readonly string[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    this.#isStarted = true;
    this.network.attach(this, this.#addresses);
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    for (const stream of this.#streams) stream.reset();
    for (const connections of this.#connections.values())
      for (const connection of connections) connection.reset();
    await this.process.yield();
  }

  /** Open streams of this side. */
  get openStreams(): number {
    return this.#streams.size;
  }

  async open(to: AddrInfo, protocol: string, deadline: Deadline): Promise<FrameStream> {
    const wait = new Wait<FrameStream>(this.process, this.hub, deadline, () =>
      discoveryErrors.create('STREAM_TIMEOUT', 'the stream did not open in time'),
    );
    this.connected(to, (result) => {
      if (wait.isOver) return;
      if (result.ok) this.#openOn(result.connection, protocol, wait);
      else wait.fail(dialError(result.reason));
    });
    return wait.promise;
  }

  handle(protocol: string, handler: StreamHandler): void {
    this.#handlers.set(protocol, handler);
    this.#pushProtocols();
  }

  unhandle(protocol: string): void {
    this.#handlers.delete(protocol);
    this.#pushProtocols();
  }

  connections(): readonly RemotePeer[] {
    // Asked for at every heartbeat: the list is made anew only when it has changed.
    this.#remotes ??= [...this.#remoteByPeer.values()];
    return this.#remotes;
  }

  isConnected(peer: PeerId): boolean {
    return this.#connections.has(peer);
  }

  async disconnect(peer: PeerId): Promise<void> {
    for (const connection of this.#connections.get(peer) ?? []) connection.reset();
    await this.process.yield();
  }

  protect(peer: PeerId, isProtected: boolean): void {
    if (isProtected) this.#protected.add(peer);
    else this.#protected.delete(peer);
  }

  protocols(peer: PeerId): readonly string[] | undefined {
    return this.#identified.get(peer);
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  refuse(isRefused: (peer: PeerId) => boolean): void {
    this.#isRefused = isRefused;
  }

  refuses(peer: PeerId): boolean {
    return !this.#isStarted || this.#isRefused(peer);
  }

  async echo(to: AddrInfo, bytes: number, deadline: Deadline): Promise<number> {
    const wait = new Wait<number>(this.process, this.hub, deadline, () =>
      discoveryErrors.create('STREAM_TIMEOUT', 'the echo did not come back in time'),
    );
    this.connected(to, (result) => {
      if (wait.isOver) return;
      if (result.ok) this.#echoOn(result.connection, bytes, wait);
      else wait.fail(dialError(result.reason));
    });
    return wait.promise;
  }

  /** Everything that this process serves, as identify says it. */
  served(): readonly string[] {
    const served = [...this.#handlers.keys(), PROTOCOLS.probe];
    if (this.dht.mode === 'server') served.push(DHT_PROTOCOL);
    return served;
  }

  handler(protocol: string): StreamHandler | undefined {
    return this.#handlers.get(protocol);
  }

  /** An open connection with the peer, dialling if there is none. A dial that hangs never calls back. */
  connected(to: AddrInfo, done: (result: DialResult) => void): void {
    const existing = this.connectionWith(to.ID);
    if (existing !== undefined) return done({ ok: true, connection: existing });
    if (to.ID === this.self) return done({ ok: false, reason: 'self' });
    if (this.#isRefused(to.ID)) return done({ ok: false, reason: 'denied' });
    const waiting = this.#dials.get(to.ID);
    if (waiting !== undefined) {
      waiting.add(done);
      return;
    }
    const dial = new Set([done]);
    this.#dials.set(to.ID, dial);
    let isOver = false;
    const finish = (result: DialResult): void => {
      if (isOver) return;
      isOver = true;
      giveUp.cancel();
      if (this.#dials.get(to.ID) === dial) this.#dials.delete(to.ID);
      for (const each of dial) each(result);
    };
    // A hanging dial is given up as js-libp2p does it, so that the next one starts anew.
    const giveUp = this.process.after(10_000, () => finish({ ok: false, reason: 'unreachable' }));
    this.network.dial(this, this.#endpointOf(to), finish);
  }

  connectionWith(peer: PeerId): Connection | undefined {
    return this.#connections.get(peer)?.find(({ isOpen }) => isOpen);
  }

  onConnected(connection: Connection): void {
    const peer = connection.other(this).endpoint.host;
    this.#remotes = undefined;
    const existing = this.#connections.get(peer);
    if (existing === undefined) this.#connections.set(peer, [connection]);
    else existing.push(connection);
    if (existing !== undefined) return;
    this.network.sim.trace.note(this.network.sim.now, this.host, 'connected', peer);
    const remote = this.#remoteOf(connection);
    this.#remoteByPeer.set(peer, remote);
    this.#emit({ kind: 'connected', remote });
    this.gossip.topologyChanged();
    this.#sendIdentify(connection);
    if (this.#connections.size > this.#maxConnections) this.#prune();
  }

  onDisconnected(connection: Connection): void {
    const peer = connection.other(this).endpoint.host;
    this.#remotes = undefined;
    const rest = (this.#connections.get(peer) ?? []).filter((each) => each !== connection);
    if (rest.length > 0) {
      this.#connections.set(peer, rest);
      return;
    }
    if (!this.#connections.delete(peer)) return;
    this.#identified.delete(peer);
    this.#remoteByPeer.delete(peer);
    this.network.sim.trace.note(this.network.sim.now, this.host, 'disconnected', peer);
    this.gossip.topologyChanged();
    this.#emit({ kind: 'disconnected', peer });
  }

  /** Closes the oldest connection that carries no stream and is not protected. */
  #prune(): void {
    for (const [peer, connections] of this.#connections) {
      if (this.#protected.has(peer) || connections.some((each) => each.end(this).onReset.size > 0)) continue;
      for (const connection of connections) connection.reset();
      return;
    }
  }

  /** Peers with an open connection. */
  neighbours(): IterableIterator<PeerId> {
    return this.#connections.keys();
  }

  #openOn(connection: Connection, protocol: string, wait: Wait<FrameStream>): void {
    const here = connection.end(this);
    const there = connection.other(this);
    const remote = there.endpoint as SimOverlay;
    const local = new SimStream(this.#side(connection), protocol, this.#remoteOf(connection));
    this.#streams.add(local);
    const count = this.counters.of(protocol);
    count.streamsOpened += 1;
    this.counters.of('negotiation').bytesOut += NEGOTIATION_BYTES;
    void local.ended.then(() => wait.fail(discoveryErrors.create('STREAM_RESET', 'the stream was reset')));
    void wait.promise.catch(() => local.reset());
    connection.send(here, NEGOTIATION_BYTES, () => {
      const handler = remote.handler(protocol);
      if (handler === undefined) {
        connection.send(there, NEGOTIATION_BYTES, () => {
          wait.fail(discoveryErrors.create('PROTOCOL_UNSUPPORTED', `the peer does not serve ${protocol}`));
        });
        return;
      }
      const theirs = remote.#accept(connection, protocol);
      SimStream.join(local, theirs);
      connection.send(there, NEGOTIATION_BYTES, () => wait.done(local));
      remote.#serve(handler, theirs);
    });
  }

  #accept(connection: Connection, protocol: string): SimStream {
    const stream = new SimStream(this.#side(connection), protocol, this.#remoteOf(connection));
    this.#streams.add(stream);
    return stream;
  }

  #serve(handler: StreamHandler, stream: SimStream): void {
    handler(stream).then(
      () => stream.reset(),
      () => stream.reset(),
    );
  }

  #side(connection: Connection): ConstructorParameters<typeof SimStream>[0] {
    return {
      network: this.network,
      endpoint: this,
      hub: this.hub,
      connection,
      onEnded: (stream) => void this.#streams.delete(stream),
    };
  }

  #echoOn(connection: Connection, bytes: number, wait: Wait<number>): void {
    const start = this.process.monotonic();
    const here = connection.end(this);
    const there = connection.other(this);
    const mine = this.counters.of(PROTOCOLS.probe);
    mine.streamsOpened += 1;
    mine.framesOut += 1;
    mine.bytesOut += bytes;
    // The negotiation of the stream is not part of what is measured.
    connection.send(here, bytes, () => {
      const theirs = (there.endpoint as SimOverlay).counters.of(PROTOCOLS.probe);
      theirs.bytesIn += bytes;
      theirs.bytesOut += bytes;
      connection.send(there, bytes, () => {
        mine.bytesIn += bytes;
        wait.done(this.process.monotonic() - start);
      });
    });
  }

  #endpointOf(to: AddrInfo): Endpoint | undefined {
    for (const address of to.Addrs) {
      const endpoint = this.network.at(address);
      if (endpoint?.host === to.ID) return endpoint;
    }
    // What identify has once told stays in the peer store of libp2p.
    return this.#met.has(to.ID) ? this.network.endpoint(to.ID) : undefined;
  }

  #remoteOf(connection: Connection): RemotePeer {
    const other = connection.other(this).endpoint as SimOverlay;
    return {
      peer: other.host,
      address: other.#addresses[0] ?? '',
      direction: connection.a.endpoint === this ? 'outbound' : 'inbound',
    };
  }

  #emit(event: PeerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #sendIdentify(connection: Connection): void {
    const count = this.counters.of('identify');
    count.framesOut += 1;
    count.bytesOut += IDENTIFY_BYTES;
    const remote = connection.other(this).endpoint as SimOverlay;
    connection.send(connection.end(this), IDENTIFY_BYTES, () => remote.#learn(this.self, this.served()));
  }

  #learn(peer: PeerId, protocols: readonly string[]): void {
    if (!this.isConnected(peer)) return;
    this.#identified.set(peer, protocols);
    this.#met.add(peer);
    this.dht.identified(peer, protocols.includes(DHT_PROTOCOL));
    this.#emit({ kind: 'identified', peer, protocols });
  }

  /** Tells connected peers of a change, a moment later, with other changes of that moment. */
  #pushProtocols(): void {
    if (this.#isPushing || this.#connections.size === 0) return;
    this.#isPushing = true;
    this.process.after(IDENTIFY_PUSH_MS, () => {
      this.#isPushing = false;
      for (const [connection] of this.#connections.values())
        if (connection !== undefined) this.#sendIdentify(connection);
    });
  }

  /** The DHT has changed its mode. */
  protocolsChanged(): void {
    this.#pushProtocols();
  }
}

function dialError(reason: DialFailure): Error {
  return reason === 'denied'
    ? discoveryErrors.create('DIAL_REFUSED', 'the peer is refused')
    : discoveryErrors.create(
        'DIAL_FAILED',
        reason === 'self' ? 'a peer does not dial itself' : 'no address of the peer could be reached',
      );
}
