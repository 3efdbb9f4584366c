/**
 * The DHT port: Kademlia with its costs, without its packets. A lookup walks the real routing tables of the simulated
 * servers (the closest known, `ALPHA` at a time, until the `K` closest have answered) and is charged the round trips,
 * messages and bytes of that; what it finds is what the holders had when it began. Puts and provider records travel
 * as messages to the holders, which validate and select before they store. A holder that cannot be reached is lost to
 * the lookup and drops out of the asker's routing table. Values live in the process of their holder and die with it.
 */

import {
  type AddrInfo,
  type Deadline,
  type Dht,
  DHT_PROTOCOL,
  type DhtNamespace,
  discoveryErrors,
  type GetOptions,
  type PeerId,
} from '@muster/discovery';
import { hash32 } from '../kernel/index.ts';
import type { SimOverlay } from './sim-overlay.ts';
import { DhtVerdicts } from './dht-verdicts.ts';
import { Wait } from './waits.ts';

const K = 20;
const ALPHA = 3;
const REQUEST_BYTES = 110;
const PEER_BYTES = 90;
/** A request to a peer that does not answer is given up after this; one that refuses answers at once. */
const UNREACHABLE_MS = 3_000;
/** Round trips of a dial before the first request. */
const DIAL_ROUND_TRIPS = 4;
const PROVIDER_TTL_MS = 24 * 3_600_000;

/** How a lying server treats what others ask of it. */
export interface DhtLie {
  /** False: takes values and provider records, and forgets them. */
  readonly stores?: boolean;
  /** What it gives for a key, having the honest answer. */
  readonly answer?: (key: string, value: Uint8Array | undefined) => Uint8Array | undefined;
}

interface Provider {
  readonly info: AddrInfo;
  readonly at: number;
}

interface Answered {
  readonly server: SimOverlay;
  /** When its answer is in, after the start of the lookup. */
  readonly ms: number;
}

interface Lookup {
  /** In order of arrival. */
  readonly answers: readonly Answered[];
  readonly closest: readonly SimOverlay[];
  readonly ms: number;
}

export class SimDht implements Dht {
  /** Makes the server a liar. */
  lie: DhtLie | undefined;
  readonly #overlay: SimOverlay;
  readonly #id: number;
  readonly #table = new Map<PeerId, SimOverlay>();
  readonly #rules = new Map<string, DhtNamespace>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #providers = new Map<string, Map<PeerId, Provider>>();
  readonly #verdicts: DhtVerdicts;
  #mode: 'client' | 'server' | undefined;

  constructor(overlay: SimOverlay) {
    this.#overlay = overlay;
    this.#id = hash32(overlay.self);
    this.#verdicts = DhtVerdicts.of(overlay.network);
  }

  get isStarted(): boolean {
    return this.#mode !== undefined;
  }

  get mode(): 'client' | 'server' | undefined {
    return this.#mode;
  }

  get routingTableSize(): number {
    return this.#table.size;
  }

  /** Values held for others. */
  get storedValues(): number {
    return this.#values.size;
  }

  namespace(name: string, rules: DhtNamespace): void {
    this.#rules.set(name, rules);
  }

  async start(mode: 'client' | 'server'): Promise<void> {
    this.#mode = mode;
    this.#overlay.protocolsChanged();
    for (const peer of this.#overlay.neighbours())
      this.identified(peer, this.#overlay.protocols(peer)?.includes(DHT_PROTOCOL) === true);
  }

  /** Identify has told whether a connected peer is a server. */
  identified(peer: PeerId, isServer: boolean): void {
    const endpoint = this.#overlay.connectionWith(peer)?.other(this.#overlay).endpoint;
    if (isServer && endpoint !== undefined) this.#table.set(peer, endpoint as SimOverlay);
    else if (!isServer) this.#table.delete(peer);
  }

  async bootstrap(peers: readonly AddrInfo[], deadline: Deadline): Promise<void> {
    await Promise.all(peers.map((peer) => this.#join(peer, deadline)));
    const lookup = this.#lookup(this.#id);
    await this.#pass(Math.min(lookup.ms, deadline.timeoutMs), deadline);
    this.#meet(lookup);
  }

  async put(key: string, value: Uint8Array, deadline: Deadline): Promise<void> {
    if (this.#mode === undefined) throw failed('the DHT is not started');
    if (!this.#isValid(key, value)) throw failed('the value is not valid under its key');
    if (this.#mode === 'server') this.#keep(key, value);
    const lookup = this.#lookup(hash32(key));
    if (lookup.closest.length === 0) throw failed('nobody is there to store the value');
    await this.#passOrFail(lookup.ms, deadline);
    this.#meet(lookup);
    const ms = this.#deliver(lookup.closest, value.length + key.length, (holder) =>
      holder.dht.#storeFor(key, value),
    );
    await this.#passOrFail(ms, { ...deadline, timeoutMs: deadline.timeoutMs - lookup.ms });
  }

  async get(key: string, options: GetOptions): Promise<Uint8Array | undefined> {
    if (this.#mode === undefined) throw failed('the DHT is not started');
    const isEnough = (value: Uint8Array): boolean =>
      options.isEnough !== undefined && this.#isValid(key, value) && options.isEnough(value);
    const own = this.#values.get(key);
    if (own !== undefined && isEnough(own)) return own;
    const found = own === undefined ? [] : [own];
    const lookup = this.#lookup(hash32(key), ({ server, ms }) => {
      const value = server.dht.#valueFor(key);
      if (value === undefined) return false;
      server.counters.of(DHT_PROTOCOL).bytesOut += value.length;
      this.#overlay.counters.of(DHT_PROTOCOL).bytesIn += value.length;
      if (ms > options.timeoutMs) return false;
      found.push(value);
      return isEnough(value);
    });
    if (lookup.answers.length === 0 && own === undefined) throw failed('nobody could be asked');
    await this.#pass(Math.min(lookup.ms, options.timeoutMs), options);
    this.#meet(lookup);
    return this.#best(key, found);
  }

  async provide(cid: string, deadline: Deadline): Promise<void> {
    if (this.#mode === undefined) throw failed('the DHT is not started');
    const { self } = this.#overlay;
    const info = { ID: self, Addrs: this.#overlay.addresses() };
    this.#addProvider(cid, info);
    const lookup = this.#lookup(hash32(cid));
    if (lookup.closest.length === 0) throw failed('nobody is there to keep the provider record');
    await this.#passOrFail(lookup.ms, deadline);
    this.#meet(lookup);
    this.#deliver(lookup.closest, PEER_BYTES, (holder) => {
      if (holder.dht.lie?.stores !== false) holder.dht.#addProvider(cid, info);
    });
  }

  async findProviders(
    cid: string,
    options: Deadline & { readonly count: number },
  ): Promise<readonly AddrInfo[]> {
    if (this.#mode === undefined) throw failed('the DHT is not started');
    const found = new Map<PeerId, AddrInfo>();
    for (const info of this.#providersOf(cid)) found.set(info.ID, info);
    const lookup = this.#lookup(hash32(cid), ({ server, ms }) => {
      const providers = server.dht.#providersOf(cid);
      server.counters.of(DHT_PROTOCOL).bytesOut += PEER_BYTES * providers.length;
      this.#overlay.counters.of(DHT_PROTOCOL).bytesIn += PEER_BYTES * providers.length;
      if (ms > options.timeoutMs) return false;
      for (const info of providers) found.set(info.ID, info);
      return found.size > options.count;
    });
    await this.#pass(Math.min(lookup.ms, options.timeoutMs), options);
    this.#meet(lookup);
    found.delete(this.#overlay.self);
    return [...found.values()].slice(0, options.count);
  }

  async findPeer(peer: PeerId, deadline: Deadline): Promise<AddrInfo | undefined> {
    if (this.#mode === undefined) throw failed('the DHT is not started');
    const known = this.#addressesOf(peer);
    if (known !== undefined) return known;
    let found: AddrInfo | undefined;
    const lookup = this.#lookup(hash32(peer), ({ server, ms }) => {
      if (ms <= deadline.timeoutMs) found ??= server.dht.#addressesOf(peer);
      return found !== undefined;
    });
    await this.#pass(Math.min(lookup.ms, deadline.timeoutMs), deadline);
    this.#meet(lookup);
    return found;
  }

  /**
   * The walk, charged to the counters of both sides. It ends with the first answer that `isEnough`; those who were asked
   * at the same time have answered, too.
   */
  #lookup(target: number, isEnough: (answer: Answered) => boolean = () => false): Lookup {
    const { network } = this.#overlay;
    const shortlist = new Map(this.#nearest(target).map((server) => [server.self, server]));
    const asked = new Set<PeerId>();
    const answers: Answered[] = [];
    let ms = 0;
    let satisfiedMs: number | undefined;
    while (satisfiedMs === undefined) {
      const nearest = nearestOf(shortlist.values(), target);
      const next = nearest.filter(({ self }) => !asked.has(self)).slice(0, ALPHA);
      if (next.length === 0) break;
      let round = 0;
      for (const server of next) {
        asked.add(server.self);
        const roundTrip = this.#ask(server);
        if (roundTrip === undefined) {
          shortlist.delete(server.self);
          this.#table.delete(server.self);
          round = Math.max(round, this.#costOfSilence(server));
          continue;
        }
        const answer = { server, ms: ms + roundTrip };
        answers.push(answer);
        if (isEnough(answer)) satisfiedMs = Math.min(satisfiedMs ?? Infinity, answer.ms);
        round = Math.max(round, roundTrip);
        for (const closer of server.dht.#nearest(target))
          if (closer !== this.#overlay && !asked.has(closer.self)) shortlist.set(closer.self, closer);
      }
      ms = satisfiedMs ?? ms + round;
    }
    network.sim.trace.note(network.sim.now, this.#overlay.self, 'lookup', target, answers.length, ms);
    return { answers, closest: nearestOf(shortlist.values(), target), ms };
  }

  /** One request and its answer: the milliseconds, or undefined when there is none. */
  #ask(server: SimOverlay): number | undefined {
    const mine = this.#overlay.counters.of(DHT_PROTOCOL);
    mine.framesOut += 1;
    mine.streamsOpened += 1;
    mine.bytesOut += REQUEST_BYTES;
    const { network } = this.#overlay;
    if (!network.isReachable(this.#overlay, server) || server.dht.mode !== 'server') return undefined;
    const isConnected = this.#overlay.isConnected(server.self);
    if (!isConnected && this.#isBarred(server)) return undefined;
    const reply = PEER_BYTES * Math.min(K, server.dht.#table.size) + 20;
    const theirs = server.counters.of(DHT_PROTOCOL);
    theirs.framesIn += 1;
    theirs.framesOut += 1;
    theirs.bytesIn += REQUEST_BYTES;
    theirs.bytesOut += reply;
    mine.framesIn += 1;
    mine.bytesIn += reply;
    network.delivered();
    if (this.#mode === 'server') server.dht.#table.set(this.#overlay.self, this.#overlay);
    const roundTrip =
      network.links.deliveryMs(this.#overlay.host, server.host, REQUEST_BYTES) +
      network.links.deliveryMs(server.host, this.#overlay.host, reply);
    return isConnected ? roundTrip : roundTrip * (1 + DIAL_ROUND_TRIPS);
  }

  /** Whether one of the two refuses connections with the other. */
  #isBarred(server: SimOverlay): boolean {
    return server.refuses(this.#overlay.self) || this.#overlay.refuses(server.self);
  }

  #costOfSilence(server: SimOverlay): number {
    const { network } = this.#overlay;
    const answersNo =
      !network.isCut(this.#overlay.host, server.host) &&
      !network.isCut(server.host, this.#overlay.host) &&
      !server.process.isPaused;
    return answersNo ? network.roundTripMs(this.#overlay.host, server.host) : UNREACHABLE_MS;
  }

  /** What a lookup leaves behind: connections with those that answered, and their place in the routing table. */
  #meet(lookup: Lookup): void {
    for (const { server } of lookup.answers) {
      if (!this.#overlay.network.isReachable(this.#overlay, server) || server.dht.mode !== 'server') continue;
      this.#table.set(server.self, server);
      if (!this.#overlay.isConnected(server.self) && !this.#isBarred(server))
        this.#overlay.network.connect(this.#overlay, server);
    }
  }

  /** Sends something to the holders; the milliseconds until all of them have confirmed. */
  #deliver(holders: readonly SimOverlay[], bytes: number, store: (holder: SimOverlay) => void): number {
    const { network } = this.#overlay;
    let ms = 0;
    for (const holder of holders) {
      this.#overlay.counters.of(DHT_PROTOCOL).streamsOpened += 1;
      ms = Math.max(ms, network.roundTripMs(this.#overlay.host, holder.host));
      network.message(this.#overlay, holder, REQUEST_BYTES + bytes, DHT_PROTOCOL, () => {
        if (holder.dht.mode === 'server') store(holder);
      });
    }
    return ms;
  }

  async #join(to: AddrInfo, deadline: Deadline): Promise<void> {
    const wait = new Wait<void>(this.#overlay.process, this.#overlay.hub, deadline, () =>
      failed('no answer'),
    );
    this.#overlay.connected(to, (result) => {
      if (!result.ok) return wait.done();
      const server = result.connection.other(this.#overlay).endpoint as SimOverlay;
      const roundTrip = this.#overlay.network.roundTripMs(this.#overlay.host, server.host);
      this.#overlay.process.after(roundTrip, () => {
        if (server.dht.mode === 'server') this.#table.set(server.self, server);
        wait.done();
      });
    });
    await wait.promise.catch(() => undefined);
  }

  async #pass(ms: number, deadline: Deadline): Promise<void> {
    await this.#overlay.process.sleep(Math.max(0, ms), deadline.signal);
  }

  async #passOrFail(ms: number, deadline: Deadline): Promise<void> {
    await this.#pass(Math.min(ms, Math.max(0, deadline.timeoutMs)), deadline);
    if (ms > deadline.timeoutMs) throw failed('the lookup took too long');
  }

  #nearest(target: number): readonly SimOverlay[] {
    return nearestOf(this.#table.values(), target);
  }

  get id(): number {
    return this.#id;
  }

  #storeFor(key: string, value: Uint8Array): void {
    if (this.lie?.stores === false || !this.#isValid(key, value)) return;
    this.#keep(key, value);
  }

  #keep(key: string, value: Uint8Array): void {
    const present = this.#values.get(key);
    const best = present === undefined ? value : this.#best(key, [present, value]);
    this.#values.set(key, best ?? value);
  }

  #valueFor(key: string): Uint8Array | undefined {
    const value = this.#values.get(key);
    return this.lie?.answer === undefined ? value : this.lie.answer(key, value);
  }

  #best(key: string, values: readonly Uint8Array[]): Uint8Array | undefined {
    const distinct = new Set(values);
    const valid = [...distinct].filter((value) => this.#isValid(key, value));
    if (valid.length <= 1) return valid[0];
    return this.#verdicts.better(key, valid, () => this.#rulesOf(key)?.select(key, valid) ?? 0);
  }

  #isValid(key: string, value: Uint8Array): boolean {
    const now = this.#overlay.network.sim.now;
    return this.#verdicts.isValid(key, value, now, () => this.#rulesOf(key)?.validate(key, value) === true);
  }

  #rulesOf(key: string): DhtNamespace | undefined {
    return this.#rules.get(key.slice(1, key.indexOf('/', 1)));
  }

  #addProvider(cid: string, info: AddrInfo): void {
    let providers = this.#providers.get(cid);
    if (providers === undefined) {
      providers = new Map();
      this.#providers.set(cid, providers);
    }
    providers.set(info.ID, { info, at: this.#overlay.process.monotonic() });
  }

  #providersOf(cid: string): readonly AddrInfo[] {
    const now = this.#overlay.process.monotonic();
    return [...(this.#providers.get(cid)?.values() ?? [])]
      .filter(({ at }) => now - at < PROVIDER_TTL_MS)
      .map(({ info }) => info);
  }

  #addressesOf(peer: PeerId): AddrInfo | undefined {
    const server =
      this.#table.get(peer) ??
      (this.#overlay.connectionWith(peer)?.other(this.#overlay).endpoint as SimOverlay | undefined);
    return server === undefined ? undefined : { ID: peer, Addrs: server.addresses() };
  }
}

/** The `K` closest by XOR, closest first. */
function nearestOf(servers: Iterable<SimOverlay>, target: number): readonly SimOverlay[] {
  return [...servers].sort((a, b) => ((a.dht.id ^ target) >>> 0) - ((b.dht.id ^ target) >>> 0)).slice(0, K);
}

function failed(message: string): Error {
  return discoveryErrors.create('DHT_FAILED', message);
}
