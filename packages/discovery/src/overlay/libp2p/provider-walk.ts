/**
 * Announcing and finding providers with few requests (coordination spec 17.4; wire of go-libp2p-kad-dht: GET_PROVIDERS, FIND_NODE,
 * ADD_PROVIDER). Records are put to the twenty peers nearest to the key, so that a search has learned what there is when the
 * nearest few have answered; the library asks all twenty, and on a fresh object, which every member of a fleet looks for at the
 * same time, that costs more than the object.
 *
 * Fault model: peers answer late, never, or name peers that do not exist; these are passed over after a second, or after as long as
 * answers have lately taken. A search
 * that finds nobody although there is somebody costs a question to other members (the cold-start cascade), never a wrong answer.
 */

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { PeerId as Libp2pPeerId, PeerInfo } from '@libp2p/interface';
import type { QueryEvent } from '@libp2p/kad-dht';
import { AdaptiveTimeout, type Clock, ownTime, type TimerHandle, type Timers } from '@muster/core';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { CID } from 'multiformats/cid';
import { raceAbort } from './deadline.ts';
import { Shortlist } from './shortlist.ts';

/** Peers that a record is put to: the replication of the table. */
const REPLICATION = 20;
/** So many of the nearest must have said that they know of nobody. */
export const MISS_ANSWERS = 5;
/** So many of the nearest must have named their neighbours before records are put. */
const NEIGHBOUR_ANSWERS = 3;
/** So many others in records that lie here are enough to go to. */
const ENOUGH_HERE = 3;
/** Questions at once. */
const PARALLEL = 3;
/** Records on their way at once. */
const PARALLEL_PUTS = 5;
/** How long a question may hold up the next one, and how long where answers take long. */
const ASK_MS = 1_000;
const MAX_ASK_MS = 4_000;
/** Peers of one answer that are looked at. */
const MAX_NAMED = 20;
const MAX_KNOWN = 64;
const FIND_NODE = 'FIND_NODE';
const GET_PROVIDERS = 'GET_PROVIDERS';
const ADD_PROVIDER = 'ADD_PROVIDER';

type MessageType = typeof FIND_NODE | typeof GET_PROVIDERS | typeof ADD_PROVIDER;

interface Request {
  readonly type: MessageType;
  readonly key: Uint8Array;
  readonly providers?: readonly { readonly id: Uint8Array; readonly multiaddrs: readonly Uint8Array[] }[];
}

interface RequestOptions {
  readonly signal: AbortSignal;
  readonly path: {
    readonly index: number;
    readonly queued: number;
    readonly running: number;
    readonly total: number;
  };
}

/** What the walk needs of the library's table. */
export interface TableParts {
  readonly network: {
    sendRequest(to: Libp2pPeerId, request: Request, options: RequestOptions): AsyncIterable<QueryEvent>;
    sendMessage(to: Libp2pPeerId, request: Request, options: RequestOptions): AsyncIterable<QueryEvent>;
  };
  readonly routingTable: {
    closestPeers(place: Uint8Array, options: { readonly count: number }): readonly Libp2pPeerId[];
  };
  readonly providers: {
    addProvider(key: CID, provider: Libp2pPeerId): Promise<void>;
    getProviders(key: CID): Promise<readonly Libp2pPeerId[]>;
  };
}

export interface WalkHost {
  readonly self: Libp2pPeerId;
  readonly timers: Timers;
  readonly clock: Clock;
  /** How long answers take; shared by all walks: {@link newAnswerTimes}. */
  readonly answers: AdaptiveTimeout;
  /** Our addresses, as they are announced. */
  readonly addresses: () => readonly Multiaddr[];
  /** Takes a peer out of the table unless it is connected: it would slow down every walk that comes by. Never rejects. */
  readonly forgetUnreachable: (peer: Libp2pPeerId) => Promise<void>;
  /** What is known of a peer; undefined when it is a stranger. */
  readonly infoOf: (peer: Libp2pPeerId) => Promise<PeerInfo | undefined>;
}

/** For {@link WalkHost}. */
export function newAnswerTimes(): AdaptiveTimeout {
  return new AdaptiveTimeout(ASK_MS, MAX_ASK_MS);
}

type Answer = Extract<QueryEvent, { readonly name: 'PEER_RESPONSE' }>;

const NO_PATH = { index: 0, queued: 0, running: 0, total: 0 };

/**
 * Up to `count` providers of the key, ourselves included. Ends `graceMs` after the first other was found, or when the nearest peers know
 * of none; without a question when records that lie here name enough of them. Rejects with the reason of the signal when it is aborted
 * before anybody was found.
 */
export async function findProviders(
  host: WalkHost,
  table: TableParts,
  key: CID,
  options: { readonly count: number; readonly graceMs: number; readonly signal: AbortSignal },
): Promise<readonly PeerInfo[]> {
  const { count, graceMs, signal } = options;
  const found = new Found(host.self.toString());
  for (const peer of (await table.providers.getProviders(key)).slice(0, count)) {
    const info = await host.infoOf(peer);
    if (info !== undefined) found.add(info);
  }
  if (found.size >= count || found.others >= ENOUGH_HERE) return found.first(count);
  const enough = new AbortController();
  let grace: TimerHandle | undefined;
  const look = (providers: readonly PeerInfo[]): void => {
    for (const provider of providers) found.add(provider);
    if (found.size >= count) enough.abort();
    else if (found.others > 0) grace ??= host.timers.after(graceMs, () => enough.abort());
  };
  look([]);
  const walk = new Walk(host, table, key.multihash.bytes, GET_PROVIDERS, ({ providers }) => look(providers));
  try {
    await walk.run(MISS_ANSWERS, AbortSignal.any([signal, enough.signal]));
  } catch (error) {
    if (found.size === 0) throw error;
  } finally {
    grace?.cancel();
  }
  return found.first(count);
}

class Found {
  readonly #self: string;
  readonly #peers = new Map<string, PeerInfo>();

  constructor(self: string) {
    this.#self = self;
  }

  get size(): number {
    return this.#peers.size;
  }

  get others(): number {
    return this.size - (this.#peers.has(this.#self) ? 1 : 0);
  }

  /** One without addresses is replaced by one that has them. */
  add(provider: PeerInfo): void {
    const id = provider.id.toString();
    if ((this.#peers.get(id)?.multiaddrs.length ?? 0) === 0) this.#peers.set(id, provider);
  }

  first(count: number): readonly PeerInfo[] {
    return [...this.#peers.values()].slice(0, count);
  }
}

/** Puts the record that we provide the key to the nearest peers; returns how many were told. Rejects with the reason of the signal. */
export async function announce(
  host: WalkHost,
  table: TableParts,
  key: CID,
  signal: AbortSignal,
): Promise<number> {
  await table.providers.addProvider(key, host.self);
  const walk = new Walk(host, table, key.multihash.bytes, FIND_NODE, () => undefined);
  await walk.run(NEIGHBOUR_ANSWERS, signal);
  const providers = [
    { id: host.self.toMultihash().bytes, multiaddrs: host.addresses().map(({ bytes }) => bytes) },
  ];
  const request: Request = { type: ADD_PROVIDER, key: key.multihash.bytes, providers };
  const waiting = [...walk.nearest(REPLICATION)];
  let told = 0;
  const work = async (): Promise<void> => {
    for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
      signal.throwIfAborted();
      for await (const event of table.network.sendMessage(peer, request, { signal, path: NO_PATH })) {
        if (event.name === 'PEER_RESPONSE') told += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_PUTS }, work));
  return told;
}

/** One walk towards a key. */
class Walk {
  readonly #host: WalkHost;
  readonly #table: TableParts;
  readonly #request: Request;
  readonly #onAnswer: (answer: Answer) => void;
  readonly #peers: Shortlist<Libp2pPeerId>;

  constructor(
    host: WalkHost,
    table: TableParts,
    key: Uint8Array,
    type: MessageType,
    onAnswer: (answer: Answer) => void,
  ) {
    this.#host = host;
    this.#table = table;
    this.#request = { type, key };
    this.#onAnswer = onAnswer;
    const target = placeOf(key);
    this.#peers = new Shortlist(target, MAX_KNOWN);
    for (const peer of table.routingTable.closestPeers(target, { count: REPLICATION })) this.#meet(peer);
  }

  /** Asks the nearest until `breadth` of them have answered, or nobody is left. Rejects with the reason of the signal. */
  async run(breadth: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const running = AbortSignal.any([signal, ended.signal]);
    setMaxListeners(0, running);
    signal.throwIfAborted();
    try {
      await raceAbort(this.#askAll(breadth, running), signal);
    } finally {
      // Questions that do not matter any more.
      ended.abort();
    }
  }

  /** Those that are nearest to the key, of all that were heard of and did not fail. */
  nearest(count: number): readonly Libp2pPeerId[] {
    return this.#peers.nearest(count);
  }

  async #askAll(breadth: number, signal: AbortSignal): Promise<void> {
    const asked = new Set<Promise<void>>();
    while (!signal.aborted && !this.#peers.isSettled(breadth)) {
      const next = asked.size < PARALLEL ? this.#peers.next(breadth) : undefined;
      if (next !== undefined) {
        const question = this.#ask(next.id, next.peer, signal).finally(() => asked.delete(question));
        asked.add(question);
      } else if (asked.size === 0) return;
      else await Promise.race(asked);
    }
  }

  /** Never rejects. */
  async #ask(id: string, peer: Libp2pPeerId, signal: AbortSignal): Promise<void> {
    const { answers, clock, timers } = this.#host;
    const question = new AbortController();
    const since = clock.monotonic();
    const limit = answers.after(ownTime(timers), clock, () => question.abort(new Error('no answer in time')));
    const options = { signal: AbortSignal.any([signal, question.signal]), path: NO_PATH };
    let hasAnswered = false;
    try {
      for await (const event of this.#table.network.sendRequest(peer, this.#request, options)) {
        if (event.name !== 'PEER_RESPONSE') continue;
        hasAnswered = true;
        answers.observe(clock.monotonic() - since, clock.monotonic());
        for (const closer of event.closer.slice(0, MAX_NAMED)) this.#meet(closer.id);
        this.#onAnswer(event);
      }
    } catch {
      // Counts as no answer.
    } finally {
      limit.cancel();
      this.#peers.settle(id, hasAnswered ? 'answered' : 'failed');
    }
    if (!hasAnswered && !signal.aborted) await this.#host.forgetUnreachable(peer);
  }

  #meet(peer: Libp2pPeerId): void {
    if (peer.equals(this.#host.self)) return;
    const bytes = peer.toMultihash().bytes;
    const id = Buffer.from(bytes).toString('latin1');
    if (!this.#peers.has(id)) this.#peers.add(id, placeOf(bytes), peer);
  }
}

/** Where the table places a key or the multihash of a peer. */
function placeOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
