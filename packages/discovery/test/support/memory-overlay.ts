/**
 * The overlay port in one process, for tests of agents: promises only, no sockets, no clock of its own. Deadlines come
 * true when the network is given timers, those of a ManualClock for one.
 */

import type { Timers } from '@muster/core';
import { discoveryErrors } from '../../src/errors.ts';
import type {
  Deadline,
  Dht,
  FrameStream,
  Gossip,
  GossipMessage,
  GossipVerdict,
  Overlay,
  PeerEvent,
  RemotePeer,
  StreamHandler,
} from '../../src/overlay/overlay.ts';
import type { AddrInfo, PeerId } from '../../src/wire/messages.ts';
import { MemoryDht, MemoryDhtStore } from './memory-dht.ts';
import { type MemoryStream, streamPair, within } from './memory-stream.ts';

export { MemoryStream } from './memory-stream.ts';

export interface MemoryOverlayOptions {
  /** Without `/p2p`. @default one address in a /24 of its own */
  readonly addresses?: readonly string[];
}

/** A network of overlays. They are up from the start; `stop` takes one away for good, `isolate` until `rejoin`. */
export class MemoryNetwork {
  readonly store = new MemoryDhtStore();
  /** What {@link Overlay.echo} measures. */
  echoMs = 10;
  /** Messages that validators did not accept. */
  readonly rejected: {
    readonly by: PeerId;
    readonly message: GossipMessage;
    readonly verdict: GossipVerdict;
  }[] = [];
  readonly timers: Pick<Timers, 'after'> | undefined;
  readonly #members = new Map<PeerId, MemoryOverlay>();
  readonly #isolated = new Set<PeerId>();
  readonly #mute = new Set<PeerId>();

  constructor(options: { readonly timers?: Pick<Timers, 'after'> } = {}) {
    this.timers = options.timers;
  }

  overlay(peer: PeerId, options: MemoryOverlayOptions = {}): MemoryOverlay {
    const number = this.#members.size + 1;
    const addresses = options.addresses ?? [`/ip4/100.64.${number}.1/tcp/4001`];
    const overlay = new MemoryOverlay(peer, this, addresses);
    this.#members.set(peer, overlay);
    return overlay;
  }

  members(): readonly MemoryOverlay[] {
    return [...this.#members.values()];
  }

  member(peer: PeerId): MemoryOverlay | undefined {
    return this.#members.get(peer);
  }

  addrInfo(peer: PeerId): AddrInfo {
    return { ID: peer, Addrs: this.#members.get(peer)?.addresses() ?? [] };
  }

  isReachable(peer: PeerId): boolean {
    return this.#members.get(peer)?.isUp === true && !this.#isolated.has(peer);
  }

  /** Cuts all connections of a peer; nobody can dial it, and it can dial nobody. */
  isolate(peer: PeerId): void {
    this.#isolated.add(peer);
    this.#members.get(peer)?.dropConnections();
  }

  rejoin(peer: PeerId): void {
    this.#isolated.delete(peer);
  }

  /** A mute peer takes streams and never serves them, like a process that hangs. */
  mute(peer: PeerId, isMute = true): void {
    if (isMute) this.#mute.add(peer);
    else this.#mute.delete(peer);
  }

  isMute(peer: PeerId): boolean {
    return this.#mute.has(peer);
  }
}

type Subscription = Parameters<Gossip['subscribe']>[1];

/** One member of a {@link MemoryNetwork}. */
export class MemoryOverlay implements Overlay {
  readonly self: PeerId;
  readonly dht: Dht;
  readonly gossip: Gossip;
  readonly topics = new Map<string, Subscription>();
  /** Peers that are protected now. */
  readonly protectedPeers = new Set<PeerId>();
  /** Streams that were opened from here, in order. */
  readonly opened: MemoryStream[] = [];
  readonly #memoryDht: MemoryDht;
  readonly #network: MemoryNetwork;
  readonly #addresses: readonly string[];
  readonly #handlers = new Map<string, StreamHandler>();
  readonly #connections = new Map<PeerId, RemotePeer>();
  readonly #streams = new Set<MemoryStream>();
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  #isRefused: (peer: PeerId) => boolean = () => false;
  #isUp = true;

  constructor(self: PeerId, network: MemoryNetwork, addresses: readonly string[]) {
    this.self = self;
    this.#network = network;
    this.#addresses = addresses;
    this.#memoryDht = new MemoryDht(self, network);
    this.dht = this.#memoryDht;
    this.gossip = {
      subscribe: (topic, options) => void this.topics.set(topic, options),
      unsubscribe: (topic) => void this.topics.delete(topic),
      publish: async (topic, data) => this.#publish({ topic, from: self, data: data.slice() }),
    };
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  addresses(): readonly string[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    this.#isUp = true;
  }

  async stop(): Promise<void> {
    this.dropConnections();
    this.#memoryDht.stop();
    this.topics.clear();
    this.#isUp = false;
    await Promise.resolve();
  }

  async open(to: AddrInfo, protocol: string, { signal }: Deadline): Promise<FrameStream> {
    signal?.throwIfAborted();
    await Promise.resolve();
    const target = this.#dial(to.ID);
    const handler = target.#handlers.get(protocol);
    if (handler === undefined) {
      throw discoveryErrors.create('PROTOCOL_UNSUPPORTED', `the peer does not serve ${protocol}`);
    }
    const [near, far] = streamPair(
      protocol,
      this.#remote(target, 'outbound'),
      target.#remote(this, 'inbound'),
      this.#network.timers,
    );
    this.opened.push(near);
    this.#track(near);
    target.#track(far);
    if (!this.#network.isMute(to.ID)) void serve(handler, far);
    return near;
  }

  handle(protocol: string, handler: StreamHandler): void {
    this.#handlers.set(protocol, handler);
    this.#identifyAgain();
  }

  unhandle(protocol: string): void {
    this.#handlers.delete(protocol);
    this.#identifyAgain();
  }

  connections(): readonly RemotePeer[] {
    return [...this.#connections.values()];
  }

  isConnected(peer: PeerId): boolean {
    return this.#connections.has(peer);
  }

  async disconnect(peer: PeerId): Promise<void> {
    await Promise.resolve();
    this.#drop(peer);
  }

  protect(peer: PeerId, isProtected: boolean): void {
    if (isProtected) this.protectedPeers.add(peer);
    else this.protectedPeers.delete(peer);
  }

  protocols(peer: PeerId): readonly string[] | undefined {
    if (!this.#connections.has(peer)) return undefined;
    return this.#network.member(peer)?.served();
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  refuse(isRefused: (peer: PeerId) => boolean): void {
    this.#isRefused = isRefused;
  }

  async echo(to: AddrInfo, _bytes: number, deadline: Deadline): Promise<number> {
    await Promise.resolve();
    this.#dial(to.ID);
    if (!this.#network.isMute(to.ID)) return this.#network.echoMs;
    return within<number>(this.#network.timers, deadline, 'an echo', () => () => {});
  }

  /** The protocols that are served here. */
  served(): readonly string[] {
    return [...this.#handlers.keys()];
  }

  /** Ends all connections at once, as a broken link does. */
  dropConnections(): void {
    for (const peer of this.#connections.keys()) this.#drop(peer);
  }

  /** The connected member, dialled if need be. */
  #dial(peer: PeerId): MemoryOverlay {
    const target = this.#network.member(peer);
    if (this.#isRefused(peer)) throw discoveryErrors.create('DIAL_REFUSED', 'the peer is refused here');
    const isPossible =
      target !== undefined &&
      target !== this &&
      this.#network.isReachable(peer) &&
      this.#network.isReachable(this.self) &&
      !target.#isRefused(this.self);
    if (!isPossible) throw discoveryErrors.create('DIAL_FAILED', 'the peer cannot be reached');
    if (!this.#connections.has(peer)) {
      this.#connect(target, 'outbound');
      target.#connect(this, 'inbound');
    }
    return target;
  }

  #connect(other: MemoryOverlay, direction: RemotePeer['direction']): void {
    const remote = this.#remote(other, direction);
    this.#connections.set(other.self, remote);
    this.#emit({ kind: 'connected', remote });
    queueMicrotask(() => this.#identify(other));
  }

  #identify(other: MemoryOverlay): void {
    if (!this.#connections.has(other.self)) return;
    this.#emit({ kind: 'identified', peer: other.self, protocols: other.served() });
  }

  #identifyAgain(): void {
    for (const peer of this.#connections.keys()) {
      queueMicrotask(() => {
        const other = this.#network.member(peer);
        if (other !== undefined) other.#identify(this);
      });
    }
  }

  #drop(peer: PeerId): void {
    const other = this.#network.member(peer);
    if (!this.#connections.has(peer) || other === undefined) return;
    for (const stream of this.#streams) if (stream.remote.peer === peer) stream.reset();
    this.#connections.delete(peer);
    other.#connections.delete(this.self);
    this.#emit({ kind: 'disconnected', peer });
    other.#emit({ kind: 'disconnected', peer: this.self });
  }

  #remote(other: MemoryOverlay, direction: RemotePeer['direction']): RemotePeer {
    return { peer: other.self, address: other.#addresses[0] ?? '/ip4/100.64.0.1/tcp/4001', direction };
  }

  #track(stream: MemoryStream): void {
    this.#streams.add(stream);
    void stream.ended.then(() => this.#streams.delete(stream));
  }

  #emit(event: PeerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #publish(message: GossipMessage): Promise<void> {
    await Promise.resolve();
    if (!this.#network.isReachable(this.self)) {
      throw discoveryErrors.create('GOSSIP_FAILED', 'the overlay is not connected');
    }
    for (const member of this.#network.members()) {
      const subscription = member.topics.get(message.topic);
      if (member === this || subscription === undefined || !this.#network.isReachable(member.self)) continue;
      const verdict = subscription.validate(message);
      if (verdict === 'accept') subscription.deliver?.(message);
      else this.#network.rejected.push({ by: member.self, message, verdict });
    }
  }
}

async function serve(handler: StreamHandler, stream: MemoryStream): Promise<void> {
  try {
    await handler(stream);
  } catch {
    // A handler that fails costs its stream, as the port says.
  }
  if (!stream.hasEnded) stream.reset();
}
