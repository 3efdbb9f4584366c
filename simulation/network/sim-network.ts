/**
 * The simulated network: hosts with addresses, connections between them, and what happens to what is sent.
 *
 * Fault model. Connections are those of TCP: what is sent over one arrives in order or not at all; a lost packet delays
 * it and all behind it; while the way is cut nothing gets through, and after `resetAfterMs` of that both ends see a
 * reset. A killed process resets its connections, unless its host vanished with it (`silently`); a paused one keeps them
 * open and takes in nothing. Messages that are not of a connection (topics, DHT requests) may be late, doubled and out
 * of order. Nothing is ever altered under way: lies come from processes.
 */

import { type SimProcess, type SimRandom, type Simulation } from '../kernel/index.ts';
import { Connection } from './connection.ts';
import type { TrafficCounters } from './counters.ts';
import { Cuts, type Cut, type CutRule } from './cuts.ts';
import { type HostLink, LinkModel, type LinkOptions } from './link-model.ts';

/** TCP repeats the first packet of a connection after these. */
const SYN_RETRY_MS = [1_000, 2_000, 4_000];

/** A process on the network, as the network sees it. */
export interface Endpoint {
  /** Name of the host in cuts and links; a restarted process keeps it. */
  readonly host: string;
  readonly process: SimProcess;
  readonly counters: TrafficCounters;
  /** Whether connections from there are refused. */
  refuses(host: string): boolean;
  onConnected(connection: Connection): void;
  onDisconnected(connection: Connection): void;
}

export interface SimNetworkOptions extends LinkOptions {
  /** How long a cut lasts before connections over it are reset. @default 30000 */
  readonly resetAfterMs?: number;
  /** Round trips until a connection is up: TCP, private network, security, multiplexer. @default 4 */
  readonly handshakeRoundTrips?: number;
}

/** A frame as a tap sees it when it is sent. */
export interface TappedFrame {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly text: string;
}

/** `refused`: by the other side; `denied`: by the dialler itself. */
export type DialFailure = 'unreachable' | 'refused' | 'denied' | 'self';
export type DialResult =
  | { readonly ok: true; readonly connection: Connection }
  | { readonly ok: false; readonly reason: DialFailure };

export class SimNetwork {
  readonly sim: Simulation;
  readonly links: LinkModel;
  readonly random: SimRandom;
  readonly resetAfterMs: number;
  readonly #handshakeRoundTrips: number;
  readonly #cuts = new Cuts();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #byAddress = new Map<string, Endpoint>();
  readonly #taps: ((frame: TappedFrame) => void)[] = [];
  #messages = 0;

  constructor(sim: Simulation, options: SimNetworkOptions = {}) {
    this.sim = sim;
    this.random = sim.random.fork('network');
    this.links = new LinkModel(options, this.random.fork('links'));
    this.resetAfterMs = options.resetAfterMs ?? 30_000;
    this.#handshakeRoundTrips = options.handshakeRoundTrips ?? 4;
  }

  /** Frames and messages delivered so far. */
  get messages(): number {
    return this.#messages;
  }

  get hasTaps(): boolean {
    return this.#taps.length > 0;
  }

  /** Has `tap` called for every frame that is sent on a stream. */
  tap(tap: (frame: TappedFrame) => void): void {
    this.#taps.push(tap);
  }

  tapped(frame: TappedFrame): void {
    for (const tap of this.#taps) tap(frame);
  }

  /** Puts a process on the network. Its connections end with it. */
  attach(endpoint: Endpoint, addresses: readonly string[]): void {
    this.#endpoints.set(endpoint.host, endpoint);
    for (const address of addresses) this.#byAddress.set(address, endpoint);
  }

  endpoint(host: string): Endpoint | undefined {
    return this.#endpoints.get(host);
  }

  /** The process that listens on this multiaddr, alive or not. */
  at(address: string): Endpoint | undefined {
    return this.#byAddress.get(address);
  }

  setHostLink(host: string, link: HostLink): void {
    this.links.setHost(host, link);
  }

  /** Cuts ways. Returns what heals them again. */
  cut(rule: CutRule): { heal(): void } {
    const cut = this.#cuts.add(rule, this.sim.now);
    this.sim.trace.note(this.sim.now, 'cut');
    const affected = this.#connections().filter(
      ({ a, b }) => rule(a.endpoint.host, b.endpoint.host) || rule(b.endpoint.host, a.endpoint.host),
    );
    this.sim.schedule(this.resetAfterMs, () => {
      if (this.#cuts.isIn(cut)) for (const connection of affected) connection.reset();
    });
    return { heal: () => this.#heal(cut) };
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.blocks(from, to);
  }

  /** Whether requests get there and answers back, now. */
  isReachable(from: Endpoint, to: Endpoint): boolean {
    return (
      to.process.isAlive &&
      !to.process.isPaused &&
      !this.isCut(from.host, to.host) &&
      !this.isCut(to.host, from.host)
    );
  }

  roundTripMs(from: string, to: string): number {
    return 2 * this.links.oneWayMs(from, to);
  }

  /**
   * Sets up a connection. `done` is called on the dialler, unless the handshake never ends, as with a paused process or
   * over a cut way: the dialler brings its own bound.
   */
  dial(from: Endpoint, to: Endpoint | undefined, done: (result: DialResult) => void, attempt = 0): void {
    if (to === from) return done({ ok: false, reason: 'self' });
    if (to === undefined) {
      this.sim.schedule(100, () => done({ ok: false, reason: 'unreachable' }), from.process);
      return;
    }
    const outward = this.links.deliveryMs(from.host, to.host, 64);
    if (!to.process.isAlive) {
      // The host answers for the dead process, unless it is cut off.
      if (!this.isCut(from.host, to.host) && !this.isCut(to.host, from.host))
        this.sim.schedule(2 * outward, () => done({ ok: false, reason: 'unreachable' }), from.process);
      return;
    }
    const again = (): void => {
      const wait = SYN_RETRY_MS[attempt];
      if (wait !== undefined)
        this.sim.schedule(wait, () => this.dial(from, to, done, attempt + 1), from.process);
    };
    if (this.isCut(from.host, to.host)) return again();
    this.sim.schedule(
      outward,
      () => {
        if (this.isCut(to.host, from.host)) return again();
        let rest = 0;
        for (let i = 1; i < 2 * this.#handshakeRoundTrips; i++)
          rest += this.links.deliveryMs(from.host, to.host, 128);
        this.sim.schedule(rest, () => this.#established(from, to, done), from.process);
      },
      to.process,
    );
  }

  /** A message outside of streams: over a connection, but late, doubled or out of order as the way has it. */
  message(from: Endpoint, to: Endpoint, bytes: number, protocol: string, deliver: () => void): void {
    const out = from.counters.of(protocol);
    out.framesOut += 1;
    out.bytesOut += bytes;
    if (this.isCut(from.host, to.host)) return;
    const arrive = (): void => {
      const count = to.counters.of(protocol);
      count.framesIn += 1;
      count.bytesIn += bytes;
      this.delivered();
      deliver();
    };
    this.sim.schedule(this.links.deliveryMs(from.host, to.host, bytes), arrive, to.process);
    if (this.links.isDuplicated())
      this.sim.schedule(this.links.deliveryMs(from.host, to.host, bytes), arrive, to.process);
  }

  delivered(): void {
    this.#messages += 1;
  }

  #established(from: Endpoint, to: Endpoint, done: (result: DialResult) => void): void {
    if (!this.isReachable(from, to)) return;
    if (to.refuses(from.host)) return done({ ok: false, reason: 'refused' });
    done({ ok: true, connection: this.connect(from, to) });
  }

  /** A connection at once, for what has already waited for it. */
  connect(from: Endpoint, to: Endpoint): Connection {
    const connection = new Connection(this, from, to);
    from.onConnected(connection);
    this.sim.schedule(
      0,
      () => {
        if (connection.isOpen) to.onConnected(connection);
      },
      to.process,
    );
    this.#open.add(connection);
    return connection;
  }

  readonly #open = new Set<Connection>();

  /** Called by a connection that has ended. */
  forget(connection: Connection): void {
    this.#open.delete(connection);
  }

  #connections(): readonly Connection[] {
    return [...this.#open];
  }

  /** Ends a process at once. `silently`: its host goes with it, and the others only notice by and by. */
  kill(host: string, options: { readonly silently?: boolean } = {}): void {
    const endpoint = this.#endpoints.get(host);
    if (endpoint === undefined) return;
    endpoint.process.kill();
    for (const connection of this.#connections()) {
      if (connection.a.endpoint !== endpoint && connection.b.endpoint !== endpoint) continue;
      const isSilent =
        options.silently === true ||
        this.isCut(connection.a.endpoint.host, connection.b.endpoint.host) ||
        this.isCut(connection.b.endpoint.host, connection.a.endpoint.host);
      const delay = isSilent ? this.resetAfterMs : this.random.between(5, 50);
      this.sim.schedule(delay, () => connection.reset());
    }
  }

  #heal(cut: Cut): void {
    if (!this.#cuts.isIn(cut)) return;
    this.#cuts.remove(cut);
    this.sim.trace.note(this.sim.now, 'heal');
    for (const connection of this.#connections()) connection.resumeStalled();
  }
}
