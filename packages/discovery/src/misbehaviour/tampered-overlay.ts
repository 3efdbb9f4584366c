/**
 * Liars are real daemons whose overlay alters what they send: all of their code is the honest one, and their lies reach
 * the others only as frames, gossip and DHT answers, as they would from a changed build. They cannot forge another
 * peer's signature or identity.
 */

import type {
  Deadline,
  Dht,
  FrameStream,
  Gossip,
  Overlay,
  PeerEvent,
  RemotePeer,
  StreamHandler,
} from '../overlay/overlay.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';

/** A frame that a liar is about to send. */
export interface OutgoingFrame {
  readonly protocol: string;
  readonly to: PeerId;
  /** Whether it answers on a stream that the other side has opened. */
  readonly isAnswer: boolean;
  /** The frame that came last on this stream. */
  readonly request: unknown;
  readonly message: object;
}

/** What a liar does to what it sends and hears. Of an own stream `isAnswer` is false. */
export interface Tamper {
  /** What is sent instead; undefined sends nothing. */
  outgoing?(frame: OutgoingFrame): object | undefined;
  /** Sees what comes in; returns what the honest code gets. */
  incoming?(frame: { readonly protocol: string; readonly from: PeerId; readonly value: unknown }): unknown;
  /** What is put into the DHT instead. */
  put?(key: string, value: Uint8Array): Uint8Array;
}

/** An overlay whose frames and puts are altered; all else is that of the inner one. */
export class TamperedOverlay implements Overlay {
  readonly self: PeerId;
  readonly gossip: Gossip;
  readonly dht: Dht;
  readonly #inner: Overlay;
  readonly #tamper: Tamper;

  constructor(inner: Overlay, tamper: Tamper) {
    this.self = inner.self;
    this.gossip = inner.gossip;
    this.dht = tamperedDht(inner.dht, tamper);
    this.#inner = inner;
    this.#tamper = tamper;
  }

  addresses(): readonly string[] {
    return this.#inner.addresses();
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  async open(to: AddrInfo, protocol: string, deadline: Deadline): Promise<FrameStream> {
    return new TamperedStream(await this.#inner.open(to, protocol, deadline), this.#tamper, false);
  }

  handle(protocol: string, handler: StreamHandler): void {
    this.#inner.handle(protocol, (stream) => handler(new TamperedStream(stream, this.#tamper, true)));
  }

  unhandle(protocol: string): void {
    this.#inner.unhandle(protocol);
  }

  connections(): readonly RemotePeer[] {
    return this.#inner.connections();
  }

  isConnected(peer: PeerId): boolean {
    return this.#inner.isConnected(peer);
  }

  disconnect(peer: PeerId): Promise<void> {
    return this.#inner.disconnect(peer);
  }

  protect(peer: PeerId, isProtected: boolean): void {
    this.#inner.protect(peer, isProtected);
  }

  protocols(peer: PeerId): readonly string[] | undefined {
    return this.#inner.protocols(peer);
  }

  onPeer(listener: (event: PeerEvent) => void): () => void {
    return this.#inner.onPeer(listener);
  }

  refuse(isRefused: (peer: PeerId) => boolean, reconsider?: (peer: PeerId) => Promise<void>): void {
    this.#inner.refuse(isRefused, reconsider);
  }

  echo(to: AddrInfo, bytes: number, deadline: Deadline): Promise<number> {
    return this.#inner.echo(to, bytes, deadline);
  }
}

class TamperedStream implements FrameStream {
  readonly remote: RemotePeer;
  readonly protocol: string;
  readonly ended: Promise<void>;
  readonly #inner: FrameStream;
  readonly #tamper: Tamper;
  readonly #isAnswer: boolean;
  #request: unknown;

  constructor(inner: FrameStream, tamper: Tamper, isAnswer: boolean) {
    this.remote = inner.remote;
    this.protocol = inner.protocol;
    this.ended = inner.ended;
    this.#inner = inner;
    this.#tamper = tamper;
    this.#isAnswer = isAnswer;
  }

  async write(message: object, deadline: Deadline): Promise<void> {
    const sent =
      this.#tamper.outgoing === undefined
        ? message
        : this.#tamper.outgoing({
            protocol: this.protocol,
            to: this.remote.peer,
            isAnswer: this.#isAnswer,
            request: this.#request,
            message,
          });
    if (sent !== undefined) await this.#inner.write(sent, deadline);
  }

  async read(options: Deadline & { readonly maxBytes: number }): Promise<unknown> {
    const value = await this.#inner.read(options);
    this.#request = value;
    if (this.#tamper.incoming === undefined || value === undefined) return value;
    return this.#tamper.incoming({ protocol: this.protocol, from: this.remote.peer, value });
  }

  closeWrite(): Promise<void> {
    return this.#inner.closeWrite();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  reset(): void {
    this.#inner.reset();
  }
}

function tamperedDht(inner: Dht, tamper: Tamper): Dht {
  const { put } = tamper;
  if (put === undefined) return inner;
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'put') {
        return (key: string, value: Uint8Array, deadline: Deadline) =>
          target.put(key, put(key, value), deadline);
      }
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });
}
