/** An indexer agent on an overlay in memory, with everything around it replaced by recording stand-ins. */

import { recordingLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { BehaviourTracker } from '../../src/behaviour/behaviour-tracker.ts';
import { discoveryConstants } from '../../src/constants.ts';
import type { DiscoveryContext } from '../../src/context.ts';
import type { DiscoveryEvents } from '../../src/events.ts';
import { IndexerAgent } from '../../src/indexer/indexer-agent.ts';
import type { SeenPeer } from '../../src/indexer/parts.ts';
import type { FrameStream } from '../../src/overlay/overlay.ts';
import type { Gate, Pool, RecordDirectory, Referenced, VerifiedRecord } from '../../src/parts.ts';
import { derivedDid } from '../../src/records/did.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { buildPeerRecord } from '../../src/records/peer-record.ts';
import { DEFAULT_SETTINGS, type DiscoverySettings } from '../../src/settings.ts';
import { type PeerStore, RELATIONS, type StoredPeer } from '../../src/stores/peer-store.ts';
import type { AddrInfo, Heartbeat, HeartbeatResponse, PeerId, PeerRecord } from '../../src/wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../../src/wire/protocols.ts';
import { testIdentity, testPeer } from './identities.ts';
import { testEvents } from './indexer-models.ts';
import { MemoryNetwork, type MemoryOverlay } from './memory-overlay.ts';

const DEADLINE = { timeoutMs: 5_000 };

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}

/** What a test changes of the surroundings. */
export interface HarnessOptions {
  readonly settings?: Partial<DiscoverySettings>;
  readonly seen?: readonly SeenPeer[];
}

export type IndexerHarness = ReturnType<typeof indexerHarness>;

export const INDEXER = testPeer(60_000);

function fakeDirectory() {
  const puts: PeerRecord[] = [];
  const state = {
    puts,
    putResult: { node: true, pid: true },
    byDidResult: undefined as VerifiedRecord | undefined,
    byDidCalls: 0,
    rawResult: undefined as unknown,
    /** While set, look-ups wait for it. */
    hold: undefined as Promise<void> | undefined,
  };
  const directory: RecordDirectory = {
    put: async (record) => {
      puts.push(record);
      await state.hold;
      return state.putResult;
    },
    byDid: async () => {
      state.byDidCalls += 1;
      await state.hold;
      return state.byDidResult;
    },
    byPeer: async () => undefined,
    rawByDid: async () => {
      await state.hold;
      return state.rawResult;
    },
    indexerRecord: async () => undefined,
    discover: async () => [],
    ensureClient: async () => {},
    refresh: async () => {},
  };
  return { directory, state };
}

function fakePool() {
  const considered: { readonly candidate: AddrInfo; readonly from: string }[] = [];
  const members = new Set<PeerId>();
  const pool: Pool = {
    get size() {
      return members.size;
    },
    maxSize: 5,
    healthyCount: 0,
    has: (peer) => members.has(peer),
    reachable: () => [],
    view: () => [],
    entry: () => undefined,
    witnessReport: () => ({ seen: false }),
    isQuarantined: () => false,
    quarantined: () => [],
    consider: (candidate, from) => {
      considered.push({ candidate, from });
      return true;
    },
    noteKnownPeer: () => {},
    drop: () => {},
    nudge: () => {},
  };
  return { pool, members, considered };
}

function fakePeers() {
  const blacklisted = new Set<PeerId>();
  const peers: PeerStore = {
    get: () => undefined,
    findByPeerId: (peer) =>
      blacklisted.has(peer) ? ({ peer_id: peer, relation: RELATIONS.BLACKLIST } as StoredPeer) : undefined,
    list: () => [],
    upsert: async () => {},
    self: () => undefined,
    watch: () => () => {},
  };
  return { peers, blacklisted };
}

export function indexerHarness(options: HarnessOptions = {}) {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ timers: clock });
  const overlay = network.overlay(INDEXER);
  const events = testEvents();
  const logger = recordingLogger();
  const abort = new AbortController();
  const { peers, blacklisted } = fakePeers();
  const { pool, members: poolMembers, considered } = fakePool();
  const { directory, state: dht } = fakeDirectory();
  const settings: DiscoverySettings = {
    ...DEFAULT_SETTINGS,
    roles: { node: false, indexer: true },
    ...options.settings,
  };
  const context: DiscoveryContext = {
    self: INDEXER,
    settings,
    constants: discoveryConstants(),
    clock,
    timers: clock,
    random: seededRandom(7),
    logger,
    events,
    overlay,
    crypto: ed25519Crypto(testIdentity(60_000)),
    peers,
    signal: abort.signal,
  };
  const behaviour = new BehaviourTracker(context);
  const referenced = new Map<PeerId, Parameters<Referenced['set']>[1]>();
  const suggestions: AddrInfo[] = [];
  const saved: (readonly SeenPeer[])[] = [];
  const forgotten: PeerId[] = [];
  const gate: Gate = { isKnown: async () => ({ known: true }), forget: (peer) => void forgotten.push(peer) };
  const published: { readonly topic: string; readonly payload: unknown }[] = [];
  events.on('*', (event) => void published.push(event));
  const agent = new IndexerAgent(context, {
    behaviour,
    directory,
    pool,
    gate,
    referenced: {
      get size() {
        return referenced.size;
      },
      set: (peer, hit) => void referenced.set(peer, hit),
      delete: (peer) => void referenced.delete(peer),
    },
    suggestions: {
      list: () => suggestions,
      has: (peer) => suggestions.some(({ ID }) => ID === peer),
      drop: () => {},
    },
    seenPeers: {
      load: async () => options.seen ?? [],
      save: async (list) => void saved.push(list),
    },
  });
  agent.start();
  const node = (number: number): TestNode => new TestNode(number, network, clock);
  /** Moves time on in steps, so that what waits for promises between timers keeps up. */
  const advance = async (ms: number, stepMs = 1_000): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(stepMs, left));
      await settle();
    }
  };
  /** Payloads of the events of one topic so far. */
  const eventsOf = <T extends keyof DiscoveryEvents>(topic: T): DiscoveryEvents[T][] =>
    published.filter((event) => event.topic === topic).map(({ payload }) => payload as DiscoveryEvents[T]);
  return {
    abort,
    advance,
    agent,
    behaviour,
    blacklisted,
    clock,
    considered,
    context,
    dht,
    eventsOf,
    forgotten,
    logger,
    network,
    node,
    overlay,
    poolMembers,
    referenced,
    saved,
    suggestions,
  };
}

/** A peer that heartbeats the indexer of a harness. */
export class TestNode {
  readonly peer: PeerId;
  readonly overlay: MemoryOverlay;
  readonly #number: number;
  readonly #network: MemoryNetwork;
  readonly #clock: ManualClock;
  #stream: FrameStream | undefined;
  #seq = 0;

  constructor(number: number, network: MemoryNetwork, clock: ManualClock) {
    this.#number = number;
    this.#network = network;
    this.#clock = clock;
    this.peer = testPeer(number);
    this.overlay = network.member(this.peer) ?? network.overlay(this.peer);
    // So that the indexer's probes find an answer.
    this.overlay.handle(PROTOCOLS.probe, async () => {});
  }

  get stream(): FrameStream {
    if (this.#stream === undefined) throw new Error('no stream is open');
    return this.#stream;
  }

  get did(): string {
    return derivedDid(this.peer);
  }

  /** A record signed by this node, or by whom `number` says. */
  record(overrides: { name?: string; expiresInMs?: number; did?: string; number?: number } = {}): PeerRecord {
    const crypto = ed25519Crypto(testIdentity(overrides.number ?? this.#number));
    return buildPeerRecord(
      {
        name: overrides.name ?? `node-${this.#number}`,
        did: overrides.did ?? derivedDid(crypto.self),
        apiUrl: 'http://node.example',
        streamAddress: `/ip4/192.0.2.${this.#number % 250}/tcp/4001/p2p/${crypto.self}`,
        natsAddress: '',
        walletAddress: '',
        expiresAt: this.#clock.now() + (overrides.expiresInMs ?? 120_000),
      },
      crypto,
    );
  }

  async open(): Promise<FrameStream> {
    this.#stream = await this.overlay.open(this.#network.addrInfo(INDEXER), PROTOCOLS.heartbeat, DEADLINE);
    await settle();
    return this.#stream;
  }

  /** A heartbeat with a fresh record, unless the overrides say otherwise. */
  heartbeat(overrides: Partial<Heartbeat> = {}): Heartbeat {
    this.#seq += 1;
    return {
      peer_id: this.peer,
      timestamp: Math.floor(this.#clock.now() / 1_000),
      indexers_binded: [],
      record: this.record(),
      seq: this.#seq,
      ...overrides,
    };
  }

  /** Sends a heartbeat on the open stream, or a new one, and reads the answer. */
  async beat(overrides: Partial<Heartbeat> = {}): Promise<HeartbeatResponse> {
    if (this.#stream === undefined) await this.open();
    await this.send(this.heartbeat(overrides));
    return await this.answer();
  }

  async send(message: object): Promise<void> {
    await this.stream.write(message, DEADLINE);
    await settle();
  }

  async answer(): Promise<HeartbeatResponse> {
    const options = { ...DEADLINE, maxBytes: FRAME_LIMITS.heartbeatResponse };
    const answer = (await this.stream.read(options)) as HeartbeatResponse;
    await settle();
    return answer;
  }

  /** Whether the stream has been ended abruptly, or in order with nothing left to read. */
  async hasEnded(): Promise<boolean> {
    try {
      const value = await this.stream.read({ timeoutMs: 0, maxBytes: FRAME_LIMITS.heartbeatResponse });
      return value === undefined;
    } catch {
      return true;
    }
  }

  /** Gives up the stream, as a broken link does. */
  lose(): void {
    this.#stream?.reset();
    this.#stream = undefined;
  }

  /** Forgets the stream without ending it. */
  forgetStream(): FrameStream {
    const { stream } = this;
    this.#stream = undefined;
    return stream;
  }
}
