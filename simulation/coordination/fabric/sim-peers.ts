/**
 * The peer network of one simulated agent: connections to others by peer id, and streams of bytes over them. What the
 * coordination code sees of it is what the libp2p host would show, with virtual latencies and faults.
 */

import {
  MusterError,
  type PeerStream,
  type PeerStreams,
  type PeerTarget,
  type WaitLimit,
} from '@muster/core';
import { AbortHub, Wait } from '../../discovery/waits.ts';
import type { SimProcess } from '../../kernel/index.ts';
import {
  type Connection,
  type DialResult,
  type Endpoint,
  type SimNetwork,
  TrafficCounters,
} from '../../network/index.ts';
import { ByteStream } from './byte-stream.ts';

/** Bytes of the negotiation of one stream, about. */
const NEGOTIATION_BYTES = 60;

interface Handler {
  readonly serve: (stream: PeerStream) => Promise<void>;
  readonly maxInbound: number;
}

/** Peer ids and the hosts behind them. */
export class PeerBook {
  readonly #hosts = new Map<string, string>();
  readonly #peers = new Map<string, string>();

  add(peer: string, host: string): void {
    this.#hosts.set(peer, host);
    this.#peers.set(host, peer);
  }

  hostOf(peer: string): string | undefined {
    return this.#hosts.get(peer);
  }

  peerOf(host: string): string {
    return this.#peers.get(host) ?? '';
  }
}

export interface SimPeersOptions {
  readonly network: SimNetwork;
  readonly process: SimProcess;
  readonly book: PeerBook;
  readonly host: string;
}

export class SimPeers implements PeerStreams, Endpoint {
  readonly self: string;
  readonly host: string;
  readonly process: SimProcess;
  readonly counters = new TrafficCounters();
  readonly hub = new AbortHub();
  /** Says which answers of this peer get lost. */
  losesAnswer: (data: Uint8Array) => boolean = () => false;
  readonly network: SimNetwork;
  readonly #book: PeerBook;
  readonly #handlers = new Map<string, Handler>();
  readonly #connections = new Map<string, Connection>();
  readonly #dials = new Map<string, Set<(result: DialResult) => void>>();
  readonly #inbound = new Map<string, Set<ByteStream>>();
  readonly #streams = new Set<ByteStream>();

  constructor({ network, process, book, host }: SimPeersOptions) {
    this.network = network;
    this.#book = book;
    this.process = process;
    this.host = host;
    this.self = book.peerOf(host);
    network.attach(this, [addressOf(host)]);
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  addresses(): readonly string[] {
    return [addressOf(this.host)];
  }

  connectedPeers(): readonly string[] {
    return [...this.#connections.keys()].map((host) => this.#book.peerOf(host));
  }

  async open(to: PeerTarget, protocols: readonly string[], limit: WaitLimit): Promise<PeerStream> {
    const wait = new Wait<PeerStream>(this.process, this.hub, limit, () =>
      failed('STREAM_TIMEOUT', 'the stream did not open in time'),
    );
    this.connect(this.#book.hostOf(to.id), (result) => {
      if (wait.isOver) return;
      if (result.ok) this.#openOn(result.connection, protocols, wait);
      else wait.fail(failed('PEER_UNREACHABLE', result.reason));
    });
    return wait.promise;
  }

  serve(
    protocol: string,
    handler: (stream: PeerStream) => Promise<void>,
    options: { readonly maxInboundStreams?: number } = {},
  ): () => void {
    this.#handlers.set(protocol, { serve: handler, maxInbound: options.maxInboundStreams ?? 512 });
    return () => void this.#handlers.delete(protocol);
  }

  /** A connection to the host, the present one or a new one. */
  connect(host: string | undefined, done: (result: DialResult) => void): void {
    const present = host === undefined ? undefined : this.#connections.get(host);
    if (present !== undefined && present.isOpen) return done({ ok: true, connection: present });
    const waiting = this.#dials.get(host ?? '');
    if (waiting !== undefined) return void waiting.add(done);
    const callers = new Set([done]);
    this.#dials.set(host ?? '', callers);
    const end = (result: DialResult): void => {
      this.#dials.delete(host ?? '');
      giveUp.cancel();
      for (const each of callers) each(result);
    };
    // A dial into a cut never ends by itself.
    const giveUp = this.process.after(10_000, () => end({ ok: false, reason: 'unreachable' }));
    const target = host === undefined ? undefined : this.network.endpoint(host);
    this.network.dial(this, target, (result) => {
      if (this.#dials.get(host ?? '') === callers) end(result);
    });
  }

  refuses(): boolean {
    return false;
  }

  onConnected(connection: Connection): void {
    this.#connections.set(connection.other(this).endpoint.host, connection);
  }

  onDisconnected(connection: Connection): void {
    const { host } = connection.other(this).endpoint;
    if (this.#connections.get(host) === connection) this.#connections.delete(host);
  }

  #openOn(connection: Connection, protocols: readonly string[], wait: Wait<PeerStream>): void {
    const remote = connection.other(this).endpoint;
    this.counters.of(protocols[0] ?? '').streamsOpened += 1;
    connection.send(connection.end(this), NEGOTIATION_BYTES, () => {
      if (remote instanceof SimPeers) remote.#accept(connection, protocols, { opener: this, wait });
    });
  }

  #accept(
    connection: Connection,
    protocols: readonly string[],
    { opener, wait }: { readonly opener: SimPeers; readonly wait: Wait<PeerStream> },
  ): void {
    const protocol = protocols.find((name) => this.#handlers.has(name));
    const handler = protocol === undefined ? undefined : this.#handlers.get(protocol);
    const answer = (act: () => void): void => connection.send(connection.end(this), NEGOTIATION_BYTES, act);
    if (protocol === undefined || handler === undefined) {
      return answer(() => wait.fail(failed('PROTOCOL_UNSUPPORTED', 'the peer does not serve it')));
    }
    const inbound = this.#inbound.get(opener.host) ?? new Set<ByteStream>();
    this.#inbound.set(opener.host, inbound);
    if (inbound.size >= handler.maxInbound) {
      return answer(() => wait.fail(failed('STREAM_RESET', 'the peer has too many streams')));
    }
    const ours = this.#stream(connection, protocol, inbound);
    const theirs = opener.#stream(connection, protocol, undefined);
    ByteStream.join(ours, theirs);
    inbound.add(ours);
    answer(() => {
      // Who has given up waiting resets what has come too late.
      if (wait.isOver) theirs.reset();
      else wait.done(theirs);
    });
    void handler.serve(ours).catch(() => ours.reset());
  }

  #stream(connection: Connection, protocol: string, inbound: Set<ByteStream> | undefined): ByteStream {
    const remote = connection.other(this).endpoint.host;
    const stream = new ByteStream(
      {
        network: this.network,
        endpoint: this,
        hub: this.hub,
        connection,
        ...(inbound !== undefined && { isLost: (data: Uint8Array) => this.losesAnswer(data) }),
        onEnded: (ended) => {
          this.#streams.delete(ended);
          inbound?.delete(ended);
          if (inbound?.size === 0) this.#inbound.delete(remote);
        },
      },
      protocol,
      this.#book.peerOf(remote),
    );
    this.#streams.add(stream);
    return stream;
  }
}

/** The address of the host with that number. */
export function ipOf(host: string): string {
  const number = Number(host.slice(1));
  return `10.1.${number >> 8}.${number & 255}`;
}

/** The multiaddr of a host. */
export function addressOf(host: string): string {
  return `/ip4/${ipOf(host)}/tcp/4001`;
}

function failed(code: string, message: string): MusterError {
  return new MusterError(code, message);
}
