/**
 * The Kademlia table on js-libp2p (discovery spec sections 10.1 to 10.4), wire-compatible with go-libp2p-kad-dht.
 *
 * Fault model: any member may answer with old, invalid or invented values, with peers that do not exist, late, or not
 * at all. A value is handed out only when the rules of its namespace hold it valid, and of several the best; one peer
 * that refuses something never takes the answers of the others away. Every operation ends with its deadline.
 */

import { setMaxListeners } from 'node:events';
import type { Libp2p, PeerId as Libp2pPeerId, PeerInfo } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import type { KadDHT, KadDHTComponents, QueryEvent } from '@libp2p/kad-dht';
import type { Clock, TimerHandle, Timers } from '@muster/core';
import { CID } from 'multiformats/cid';
import { discoveryErrors } from '../../errors.ts';
import type { AddrInfo, PeerId } from '../../wire/messages.ts';
import { DHT_PROTOCOL } from '../../wire/protocols.ts';
import type { Deadline, Dht, DhtNamespace, GetOptions } from '../overlay.ts';
import type { GuardedDatastore, NamespaceRules } from './datastore.ts';
import { raceAbort, startDeadline } from './deadline.ts';
import type { BaseServices } from './host.ts';
import { parsePeer } from './parts.ts';
import { offerOnce } from './offer-once.ts';
import { announce, findProviders, newAnswerTimes, type TableParts, type WalkHost } from './provider-walk.ts';

/** Multihash code of SHA2-256: providers of other hashes are never found. */
const SHA2_256 = 0x12;
/** After the start, the neighbourhood is looked up at these times, then at every interval. */
const FIRST_SELF_LOOKUPS_MS = [5_000, 15_000, 60_000] as const;
const SELF_LOOKUP_INTERVAL_MS = 30_000;
const SELF_LOOKUP_MS = 10_000;
const DAY_MS = 86_400_000;
/** Once a value is there, how long after the last answer a get still waits for a better one. */
const GET_GRACE_MS = 1_000;
/** How often a bootstrap looks whether the peers it dialled have reached the routing table. */
const BOOTSTRAP_POLL_MS = 50;

/** What the DHT needs of the host. */
export interface DhtHost {
  readonly libp2p: Libp2p<BaseServices>;
  readonly components: KadDHTComponents;
  readonly datastore: GuardedDatastore;
  readonly rules: NamespaceRules;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Peers that answers have named, with their addresses. */
  readonly onDiscovered: (peer: PeerInfo) => void;
  /** Dials a peer unless it is connected. */
  readonly connect: (to: AddrInfo, signal: AbortSignal) => Promise<unknown>;
  /** Another network than that of discovery. */
  readonly network?: {
    readonly protocol: string;
    readonly maxInboundStreams: number;
    readonly maxOutboundStreams: number;
    /** @default 30 s */
    readonly selfLookupIntervalMs?: number;
  };
}

type Service = KadDHT &
  TableParts & {
    start(): Promise<void>;
    stop(): Promise<void>;
    onPeerConnect(peer: PeerInfo): Promise<void>;
    readonly routingTable: { readonly size: number; remove(peer: Libp2pPeerId): Promise<void> };
    cancelReprovide(key: CID): Promise<void>;
    addEventListener(type: 'peer', listener: (event: CustomEvent<PeerInfo>) => void): void;
  };

export class Libp2pDht implements Dht {
  readonly #host: DhtHost;
  readonly #timers: TimerHandle[] = [];
  #service: Service | undefined;
  #mode: 'client' | 'server' | undefined;
  readonly #stopped = new AbortController();
  readonly #answers = newAnswerTimes();

  constructor(host: DhtHost) {
    // Every operation that is under way listens to it.
    setMaxListeners(0, this.#stopped.signal);
    this.#host = host;
  }

  namespace(name: string, rules: DhtNamespace): void {
    if (this.#service !== undefined) throw failed('namespaces are registered before the start');
    this.#host.rules.add(name, rules);
  }

  get isStarted(): boolean {
    return this.#service !== undefined;
  }

  get mode(): 'client' | 'server' | undefined {
    return this.#mode;
  }

  get routingTableSize(): number {
    return this.#service?.routingTable.size ?? 0;
  }

  async start(mode: 'client' | 'server'): Promise<void> {
    if (this.#service !== undefined) {
      await this.#service.setMode(mode);
      this.#mode = mode;
      return;
    }
    const service = createService(this.#host, mode);
    offerOnce(service, this.#host.clock);
    service.addEventListener('peer', (event) => this.#host.onDiscovered(event.detail));
    this.#service = service;
    this.#mode = mode;
    try {
      await service.start();
    } catch (error) {
      this.#service = undefined;
      this.#mode = undefined;
      throw failed('the table could not be started', error);
    }
    // Who was connected before is not announced to a topology.
    for (const peer of this.#host.libp2p.getPeers()) await this.#introduce(peer, service);
    for (const delay of FIRST_SELF_LOOKUPS_MS) {
      this.#timers.push(this.#host.timers.after(delay, () => void this.#lookUpSelf()));
    }
    const everyMs = this.#host.network?.selfLookupIntervalMs ?? SELF_LOOKUP_INTERVAL_MS;
    this.#timers.push(this.#host.timers.every(everyMs, () => void this.#lookUpSelf()));
  }

  /** Ends everything that is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort(failed('the overlay is stopping'));
    for (const timer of this.#timers.splice(0)) timer.cancel();
    const service = this.#service;
    this.#service = undefined;
    this.#mode = undefined;
    await service?.stop();
  }

  async bootstrap(peers: readonly AddrInfo[], deadline: Deadline): Promise<void> {
    await this.#bounded(deadline, 'bootstrap', async (signal) => {
      const dials = await Promise.allSettled(peers.map((peer) => this.#host.connect(peer, signal)));
      if (dials.some((dial) => dial.status === 'fulfilled')) {
        while (this.routingTableSize === 0) await this.#host.timers.sleep(BOOTSTRAP_POLL_MS, signal);
      }
      await this.#lookUp(signal);
    }).catch(() => undefined);
  }

  async put(key: string, value: Uint8Array, deadline: Deadline): Promise<void> {
    const service = this.#started();
    if (!this.#host.rules.isValid(key, value)) throw failed(`the value is not valid under ${key}`);
    await this.#bounded(deadline, `put of ${key}`, async (signal) => {
      let stored = 0;
      for await (const event of this.#watched(service.put(Buffer.from(key), value, { signal }))) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored += 1;
      }
      if (stored === 0 && !this.#standsAlone) throw failed(`nobody has stored ${key}`);
    });
  }

  async get(key: string, options: GetOptions): Promise<Uint8Array | undefined> {
    const service = this.#started();
    const { rules, datastore, timers } = this.#host;
    if (rules.of(key) === undefined) throw failed(`the namespace of ${key} is not served`);
    const values: Uint8Array[] = [];
    const isEnough = (value: Uint8Array): boolean =>
      options.isEnough !== undefined && rules.isValid(key, value) && options.isEnough(value);
    const stored = datastore.storedValue(key);
    if (stored !== undefined) {
      if (isEnough(stored)) return stored;
      values.push(stored);
    }
    const ended = Promise.withResolvers<void>();
    let answers = 0;
    let grace: TimerHandle | undefined;
    const query = this.#bounded(options, `get of ${key}`, async (signal) => {
      // The values are taken from the answers: the generator drops them all when one peer refuses the correction that
      // it sends at the end. Corrections go on behind the answer.
      for await (const event of this.#watched(service.get(Buffer.from(key), { signal }))) {
        if (event.name === 'PATH_ENDED') ended.resolve();
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'GET_VALUE') continue;
        answers += 1;
        if (event.record !== undefined && event.record !== null) {
          values.push(event.record.value);
          if (isEnough(event.record.value)) {
            ended.resolve();
            // Leaving the loop takes back the requests that are under way.
            return;
          }
        }
        grace?.cancel();
        if (values.length > 0) grace = timers.after(GET_GRACE_MS, () => ended.resolve());
      }
    });
    query.then(ended.resolve, ended.reject);
    try {
      await ended.promise;
    } catch (error) {
      if (answers === 0 && values.length === 0) throw error;
    } finally {
      grace?.cancel();
    }
    const best = rules.best(key, values);
    if (best === undefined && answers === 0 && !this.#standsAlone) throw failed('nobody could be asked');
    return best;
  }

  async provide(cid: string, deadline: Deadline): Promise<void> {
    const service = this.#started();
    const key = parseCid(cid);
    await this.#bounded(deadline, 'provide', async (signal) => {
      let told = 0;
      for await (const event of this.#watched(service.provide(key, { signal }))) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told += 1;
      }
      if (told === 0 && !this.#standsAlone) throw failed('nobody was told');
    });
  }

  async findProviders(
    cid: string,
    options: Deadline & { readonly count: number },
  ): Promise<readonly AddrInfo[]> {
    const service = this.#started();
    const key = parseCid(cid);
    const found = new Map<PeerId, AddrInfo>();
    const self = this.#host.libp2p.peerId.toString();
    await this.#bounded(options, 'search for providers', async (signal) => {
      for await (const event of this.#watched(service.findProviders(key, { signal }))) {
        if (event.name !== 'PROVIDER') continue;
        for (const peer of event.providers) {
          const info = addrInfoOf(peer);
          const known = found.get(info.ID);
          if (info.ID !== self && (known === undefined || known.Addrs.length === 0)) found.set(info.ID, info);
        }
        if (found.size >= options.count) return;
      }
    }).catch(() => undefined);
    return [...found.values()].slice(0, options.count);
  }

  /** As {@link provide}, with few requests. */
  async announceNearby(cid: string, deadline: Deadline): Promise<void> {
    const service = this.#started();
    const key = parseCid(cid);
    await this.#bounded(deadline, 'provide', async (signal) => {
      const told = await announce(this.#walkHost, service, key, signal);
      if (told === 0 && !this.#standsAlone) throw failed('nobody was told');
    });
  }

  /**
   * Up to `count` providers, ourselves included, with few requests; ends `graceMs` after the first other was found. Rejects DHT_FAILED
   * when the time is over before anybody was found.
   */
  async findNearby(
    cid: string,
    options: Deadline & { readonly count: number; readonly graceMs: number },
  ): Promise<readonly AddrInfo[]> {
    const service = this.#started();
    const key = parseCid(cid);
    return await this.#bounded(options, 'search for providers', async (signal) => {
      const found = await findProviders(this.#walkHost, service, key, { ...options, signal });
      return found.map(addrInfoOf);
    });
  }

  /** Forgets that this peer provides the CID; others forget it when its record ends. */
  async withdraw(cid: string): Promise<void> {
    await this.#started().cancelReprovide(parseCid(cid));
  }

  async findPeer(peer: PeerId, deadline: Deadline): Promise<AddrInfo | undefined> {
    const service = this.#started();
    const id = parsePeer(peer);
    if (id === undefined) return undefined;
    let result: AddrInfo | undefined;
    await this.#bounded(deadline, 'search for a peer', async (signal) => {
      for (const useCache of [true, false]) {
        for await (const event of this.#watched(
          service.findPeer(id, { signal, useCache, useNetwork: !useCache }),
        )) {
          if (event.name !== 'FINAL_PEER' || event.peer.multiaddrs.length === 0) continue;
          result = addrInfoOf(event.peer);
          return;
        }
      }
    }).catch(() => undefined);
    return result;
  }

  get #walkHost(): WalkHost {
    const { libp2p, components, timers, clock } = this.#host;
    return {
      self: libp2p.peerId,
      timers,
      clock,
      answers: this.#answers,
      addresses: () => components.addressManager.getAddresses(),
      forgetUnreachable: async (peer) => this.#forgetUnreachable(peer).catch(() => {}),
      infoOf: async (peer) => libp2p.peerStore.getInfo(peer).catch(() => undefined),
    };
  }

  /** An indexer without other members yet is the whole table. */
  get #standsAlone(): boolean {
    return this.#mode === 'server' && this.routingTableSize === 0;
  }

  #started(): Service {
    if (this.#service === undefined) throw failed('the table is not started');
    return this.#service;
  }

  async #introduce(peer: Libp2pPeerId, service: Service): Promise<void> {
    try {
      const { addresses, protocols } = await this.#host.libp2p.peerStore.get(peer);
      if (!protocols.includes(this.#host.network?.protocol ?? DHT_PROTOCOL)) return;
      const multiaddrs = addresses.map(({ multiaddr }) => multiaddr);
      const connected = { id: peer, multiaddrs, protocols };
      await service.onPeerConnect(connected);
    } catch {
      // Gone again, or not identified yet: then the topology hears of it.
    }
  }

  /** The events of a query; peers that could not be reached leave the table, where they would slow every query down. */
  async *#watched(events: AsyncIterable<QueryEvent>): AsyncGenerator<QueryEvent> {
    for await (const event of events) {
      if (event.name === 'QUERY_ERROR') await this.#forgetUnreachable(event.from);
      yield event;
    }
  }

  async #forgetUnreachable(peer: Libp2pPeerId): Promise<void> {
    if (this.#host.libp2p.getConnections(peer).length === 0) await this.#service?.routingTable.remove(peer);
  }

  async #lookUpSelf(): Promise<void> {
    await this.#bounded({ timeoutMs: SELF_LOOKUP_MS }, 'lookup', (signal) => this.#lookUp(signal)).catch(
      () => undefined,
    );
  }

  async #lookUp(signal: AbortSignal): Promise<void> {
    const service = this.#started();
    const self = this.#host.libp2p.peerId.toMultihash().bytes;
    for await (const _ of this.#watched(service.getClosestPeers(self, { signal })));
  }

  async #bounded<T>(deadline: Deadline, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const running = startDeadline(this.#host.timers, deadline, what, this.#stopped.signal);
    const { signal } = running;
    try {
      return await raceAbort(work(signal), signal);
    } catch (error) {
      if (deadline.signal?.aborted === true) throw deadline.signal.reason;
      throw failed(`${what}: ${error instanceof Error ? error.message : String(error)}`, error);
    } finally {
      running.clear();
    }
  }
}

/** What the defaults, which are made for the public network, are replaced with. */
export const DHT_SETTINGS = {
  protocol: DHT_PROTOCOL,
  kBucketSize: 20,
  alpha: 3,
  disjointPaths: 1,
  peerInfoMapper: passthroughMapper,
  allowQueryWithZeroPeers: true,
  // Ours are timed by the port; the library's own would come on top.
  initialQuerySelfInterval: DAY_MS,
  querySelfInterval: DAY_MS,
  networkDialTimeout: { minTimeout: 2_000, maxTimeout: 5_000 },
  maxInboundStreams: 128,
  maxOutboundStreams: 256,
} as const;

function createService(host: DhtHost, mode: 'client' | 'server'): Service {
  const { rules } = host;
  const refuse = (): never => {
    throw new Error('the namespace is not served');
  };
  const validate = (key: Uint8Array, value: Uint8Array): void => {
    if (!rules.isValid(Buffer.from(key).toString(), value)) throw new Error('the value is not valid');
  };
  const select = (key: Uint8Array, values: Uint8Array[]): number => {
    const best = rules.best(Buffer.from(key).toString(), values);
    return best === undefined ? 0 : values.indexOf(best);
  };
  return kadDHT({
    ...DHT_SETTINGS,
    ...host.network,
    clientMode: mode === 'client',
    // The library serves public keys by itself; here no key is served that nobody registered.
    validators: { pk: refuse, ...Object.fromEntries(rules.names.map((name) => [name, validate])) },
    selectors: { pk: () => 0, ...Object.fromEntries(rules.names.map((name) => [name, select])) },
  })(host.components) as unknown as Service;
}

function addrInfoOf(peer: PeerInfo): AddrInfo {
  const addresses = peer.multiaddrs.map((address) => address.toString().split('/p2p/')[0] as string);
  return { ID: peer.id.toString(), Addrs: [...new Set(addresses)] };
}

function parseCid(text: string): CID {
  let cid: CID;
  try {
    cid = CID.parse(text);
  } catch (error) {
    throw failed(`${text} is no CID`, error);
  }
  if (cid.multihash.code !== SHA2_256) throw failed('only CIDs of SHA2-256 can be provided');
  return cid;
}

function failed(message: string, cause?: unknown): Error {
  return discoveryErrors.create('DHT_FAILED', message, { cause });
}
