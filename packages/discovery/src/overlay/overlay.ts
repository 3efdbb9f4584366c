/**
 * The overlay as a port: authenticated connections between peers, streams of JSON frames, a value store and topics.
 * `libp2p/` implements it with js-libp2p, the simulator with a virtual network; nothing else in this package knows
 * either. All durations are milliseconds; every call that waits has a bound.
 */

import type { AddrInfo, PeerId } from '../wire/messages.ts';

/** An authenticated peer at the other end of a connection. */
export interface RemotePeer {
  readonly peer: PeerId;
  /** Observed multiaddr of the connection, without `/p2p`. */
  readonly address: string;
  readonly direction: 'inbound' | 'outbound';
}

/** Bound and cancellation of one wait. */
export interface Deadline {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * One stream of newline-terminated JSON values. There is one incremental decoder a stream: surplus bytes stay for the
 * next read (F:3). A time-out leaves the stream as it is; the caller closes or resets it.
 */
export interface FrameStream {
  readonly remote: RemotePeer;
  readonly protocol: string;
  /** Writes one value. Rejects STREAM_TIMEOUT, STREAM_RESET, STREAM_CLOSED. */
  write(message: object, deadline: Deadline): Promise<void>;
  /**
   * The next value, or undefined when the other side has closed its writing half in order. Rejects STREAM_TIMEOUT,
   * STREAM_RESET, FRAME_TOO_LARGE (over `maxBytes`), FRAME_MALFORMED. One read at a time.
   */
  read(options: Deadline & { readonly maxBytes: number }): Promise<unknown>;
  /** Half-close: nothing more will be written. Never rejects. */
  closeWrite(): Promise<void>;
  /** Closes in order, both ways. Never rejects. */
  close(): Promise<void>;
  /** Ends it at once. */
  reset(): void;
  /** Resolves when the stream has ended, either way. Never rejects. */
  readonly ended: Promise<void>;
}

/** Serves one inbound stream. The overlay resets the stream when the promise rejects or resolves with it still open. */
export type StreamHandler = (stream: FrameStream) => Promise<void>;

/** `identified` comes when the peer's protocol list is known, and again when it changes. */
export type PeerEvent =
  | { readonly kind: 'connected'; readonly remote: RemotePeer }
  | { readonly kind: 'identified'; readonly peer: PeerId; readonly protocols: readonly string[] }
  | { readonly kind: 'disconnected'; readonly peer: PeerId };

/** A message of a topic, from its signed author. */
export interface GossipMessage {
  readonly topic: string;
  readonly from: PeerId;
  readonly data: Uint8Array;
}

/** Invalid is `reject`: it counts against the forwarder. */
export type GossipVerdict = 'accept' | 'reject' | 'ignore';

export interface Gossip {
  /** Joins a topic. Only accepted messages are forwarded, and delivered; without `deliver` they are only forwarded. */
  subscribe(
    topic: string,
    options: {
      readonly validate: (message: GossipMessage) => GossipVerdict;
      readonly deliver?: (message: GossipMessage) => void;
    },
  ): void;
  unsubscribe(topic: string): void;
  /** Publishes; own messages are not delivered back. Publishes of one process keep their order. Rejects GOSSIP_FAILED. */
  publish(topic: string, data: Uint8Array): Promise<void>;
}

/** Rules for the values of one key namespace (`/node/`, `/pid/`, …). */
export interface DhtNamespace {
  /** Whether the value may be stored, or returned, under the key. Never throws. */
  validate(key: string, value: Uint8Array): boolean;
  /** Index of the best of the values, all of which are valid. */
  select(key: string, values: readonly Uint8Array[]): number;
}

/** Bound of a get, and when it has asked enough members. */
export interface GetOptions extends Deadline {
  /**
   * Whether this valid value will do, so that nobody else has to be asked: for values that prove themselves and are too
   * young to be outdated. Without, all who are to keep the value are asked. Must not throw.
   */
  readonly isEnough?: (value: Uint8Array) => boolean;
}

/** The Kademlia value store and provider index. Keys are texts such as `/node/<did>`. */
export interface Dht {
  /** Registers the rules of `/<name>/…`; before `start`. Keys of other namespaces are refused. */
  namespace(name: string, rules: DhtNamespace): void;
  /** Joins. Servers store for others, clients only ask. Rejects DHT_FAILED. */
  start(mode: 'client' | 'server'): Promise<void>;
  readonly isStarted: boolean;
  readonly mode: 'client' | 'server' | undefined;
  /** Peers of the routing table. */
  readonly routingTableSize: number;
  /** Dials these and refreshes the routing table. Rejects nothing: what fails shows in `routingTableSize`. */
  bootstrap(peers: readonly AddrInfo[], deadline: Deadline): Promise<void>;
  /** Stores a valid value. Rejects DHT_FAILED. */
  put(key: string, value: Uint8Array, deadline: Deadline): Promise<void>;
  /** The best valid value of those that were seen, or undefined. Rejects DHT_FAILED only when nobody could be asked. */
  get(key: string, options: GetOptions): Promise<Uint8Array | undefined>;
  /** Announces that this peer provides the CID (text form). Rejects DHT_FAILED. */
  provide(cid: string, deadline: Deadline): Promise<void>;
  /** Up to `count` providers, without self; addresses may be empty. */
  findProviders(cid: string, options: Deadline & { readonly count: number }): Promise<readonly AddrInfo[]>;
  /** Addresses of a peer, or undefined. */
  findPeer(peer: PeerId, deadline: Deadline): Promise<AddrInfo | undefined>;
}

export interface Overlay {
  readonly self: PeerId;
  /** Our addresses to hand out, without `/p2p`: announced ones first. */
  addresses(): readonly string[];
  start(): Promise<void>;
  /** Closes every stream and connection; resolves when nothing is left open. */
  stop(): Promise<void>;
  /**
   * Dials, unless connected, and opens a stream; `timeoutMs` bounds both together. Rejects DIAL_FAILED, DIAL_REFUSED,
   * PROTOCOL_UNSUPPORTED, STREAM_TIMEOUT, STREAM_RESET, PSK_MISMATCH.
   */
  open(to: AddrInfo, protocol: string, deadline: Deadline): Promise<FrameStream>;
  handle(protocol: string, handler: StreamHandler): void;
  unhandle(protocol: string): void;
  connections(): readonly RemotePeer[];
  isConnected(peer: PeerId): boolean;
  /** Closes all connections with the peer. */
  disconnect(peer: PeerId): Promise<void>;
  /** Keeps the connection with this peer alive and out of pruning, or no longer. */
  protect(peer: PeerId, isProtected: boolean): void;
  /** What identify said that the peer serves; undefined while unknown. */
  protocols(peer: PeerId): readonly string[] | undefined;
  onPeer(listener: (event: PeerEvent) => void): () => void;
  /**
   * Connections with these peers are refused as soon as their identity is proven, and they are never dialled. Before one is, the
   * overlay may wait for `reconsider`, which never rejects, and then asks once more.
   */
  refuse(isRefused: (peer: PeerId) => boolean, reconsider?: (peer: PeerId) => Promise<void>): void;
  /** Sends `bytes` random bytes over the probe protocol and waits for the whole echo. Resolves with the milliseconds. */
  echo(to: AddrInfo, bytes: number, deadline: Deadline): Promise<number>;
  readonly gossip: Gossip;
  readonly dht: Dht;
}
