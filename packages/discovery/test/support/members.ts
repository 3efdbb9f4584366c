/** Members of a memory network with all that the parts of a daemon are handed, for tests of agents. */

import { EventBus, silentLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { discoveryConstants } from '../../src/constants.ts';
import type { DiscoveryContext } from '../../src/context.ts';
import type { DiscoveryEvents } from '../../src/events.ts';
import { ownRecord } from '../../src/lookup/own-record.ts';
import type { Behaviour, Gate, Pool, RecordDirectory, Suggestions, VerifiedRecord } from '../../src/parts.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { DEFAULT_SETTINGS, type DiscoverySettings } from '../../src/settings.ts';
import { type PeerStore, type Relation, RELATIONS, type StoredPeer } from '../../src/stores/peer-store.ts';
import type { AddrInfo, IndexerRecord, PeerId, PeerRecord } from '../../src/wire/messages.ts';
import { parseTime } from '../../src/wire/time.ts';
import { testIdentity } from './identities.ts';
import { MemoryNetwork, type MemoryOverlay } from './memory-overlay.ts';

export interface Member extends DiscoveryContext {
  readonly overlay: MemoryOverlay;
  readonly clock: ManualClock;
  readonly peers: MapPeerStore;
  /** Happenings so far. */
  readonly happened: { readonly topic: string; readonly payload: unknown }[];
  /** Ends the member. */
  readonly controller: AbortController;
  record(ttlMs?: number): PeerRecord;
}

/** A network and its members, on one clock that stands still. */
export class TestFleet {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ timers: this.clock });
  #next = 0;

  member(settings: Partial<DiscoverySettings> = {}): Member {
    const number = this.#next++;
    const identity = testIdentity(number);
    const { clock } = this;
    const controller = new AbortController();
    const events = new EventBus<DiscoveryEvents>({
      onListenerError: (error) => {
        throw error;
      },
    });
    const happened: { topic: string; payload: unknown }[] = [];
    events.on('*', ({ topic, payload }) => void happened.push({ topic, payload }));
    const base = {
      self: identity.peerId,
      settings: { ...DEFAULT_SETTINGS, name: `node-${number}`, ...settings },
      constants: discoveryConstants(),
      clock,
      timers: clock,
      random: seededRandom(number + 1),
      logger: silentLogger,
      events,
      overlay: this.network.overlay(identity.peerId),
      crypto: ed25519Crypto(identity),
      peers: new MapPeerStore(),
      signal: controller.signal,
      happened,
      controller,
    };
    return { ...base, record: (ttlMs = 120_000) => ownRecord(base, ttlMs) };
  }

  addrInfo(member: Pick<Member, 'self'>): AddrInfo {
    return this.network.addrInfo(member.self);
  }

  /** Lets everything that waits for nothing but promises run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Passes time in steps, and lets everything run after each. */
  async pass(ms: number, stepMs = Math.max(1, Math.ceil(ms / 20))): Promise<void> {
    await this.settle();
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(left, stepMs));
      await this.settle();
    }
  }
}

/** A peer store in a map. */
export class MapPeerStore implements PeerStore {
  readonly #peers = new Map<string, StoredPeer>();

  get(id: string): StoredPeer | undefined {
    return this.#peers.get(id);
  }

  findByPeerId(peer: PeerId): StoredPeer | undefined {
    return [...this.#peers.values()].find(({ peer_id }) => peer_id === peer);
  }

  list(filter: { readonly relation?: Relation } = {}): readonly StoredPeer[] {
    const all = [...this.#peers.values()];
    return filter.relation === undefined ? all : all.filter(({ relation }) => relation === filter.relation);
  }

  async upsert(peer: StoredPeer): Promise<void> {
    this.#peers.set(peer.id, peer);
  }

  self(): StoredPeer | undefined {
    return this.list({ relation: RELATIONS.SELF })[0];
  }

  watch(): () => void {
    return () => {};
  }

  /** Stores a peer by its record. */
  add(record: PeerRecord, relation: Relation, updatedAt = 0): StoredPeer {
    const peer: StoredPeer = {
      id: record.did,
      name: record.name,
      peer_id: record.peer_id,
      public_key: record.pub_key,
      api_url: record.api_url,
      stream_address: record.stream_address,
      nats_address: record.nats_address,
      wallet_address: record.wallet_address,
      relation,
      verify: false,
      record,
      updated_at: updatedAt,
    };
    this.#peers.set(peer.id, peer);
    return peer;
  }
}

export function verifiedOf(record: PeerRecord): VerifiedRecord {
  return { record, expiresAt: parseTime(record.expiry_date) ?? 0 };
}

/** A pool of given indexers. */
export class FixedPool implements Pool {
  readonly maxSize = 5;
  readonly known: AddrInfo[] = [];
  indexers: readonly AddrInfo[];

  constructor(indexers: readonly AddrInfo[]) {
    this.indexers = indexers;
  }

  get size(): number {
    return this.indexers.length;
  }

  get healthyCount(): number {
    return this.indexers.length;
  }

  has(peer: PeerId): boolean {
    return this.indexers.some(({ ID }) => ID === peer);
  }

  reachable(): readonly AddrInfo[] {
    return this.indexers;
  }

  view(): [] {
    return [];
  }

  entry(): undefined {
    return undefined;
  }

  witnessReport(): { seen: boolean } {
    return { seen: false };
  }

  isQuarantined(): boolean {
    return false;
  }

  quarantined(): [] {
    return [];
  }

  consider(): boolean {
    return false;
  }

  noteKnownPeer(peer: AddrInfo): void {
    this.known.push(peer);
  }

  drop(): void {}

  nudge(): void {}
}

/** Takes everything unless told otherwise, and keeps the strikes. */
export class LenientBehaviour implements Behaviour {
  readonly strikes: { readonly peer: PeerId; readonly weight: number; readonly cause: string }[] = [];
  readonly recorded: string[] = [];
  refuse: 'rate_limited' | 'banned' | undefined;
  identityHolds = true;

  record(_peer: PeerId, action: 'heartbeat' | 'publish' | 'get'): ReturnType<Behaviour['record']> {
    this.recorded.push(action);
    if (this.refuse === undefined) return { accepted: true };
    return { accepted: false, code: this.refuse, retryAfterMs: 30_000 };
  }

  strike(peer: PeerId, weight: number, cause: string): void {
    this.strikes.push({ peer, weight, cause });
  }

  bannedForMs(): undefined {
    return undefined;
  }

  checkIdentity(): boolean {
    return this.identityHolds;
  }

  bans(): [] {
    return [];
  }
}

/** Knows whom it is told to know; everybody by default. */
export class FixedGate implements Gate {
  readonly unknown = new Set<PeerId>();
  readonly forgotten: PeerId[] = [];

  async isKnown(peer: PeerId): ReturnType<Gate['isKnown']> {
    return this.unknown.has(peer) ? { known: false, code: 'unknown_peer' } : { known: true };
  }

  forget(peer: PeerId): void {
    this.forgotten.push(peer);
  }
}

/** Records in a map. `hold` keeps puts waiting until it is released. */
export class MapDirectory implements RecordDirectory {
  readonly byPeerId = new Map<PeerId, VerifiedRecord>();
  readonly indexerRecords = new Map<PeerId, IndexerRecord>();
  readonly asked: string[] = [];
  readonly puts: PeerRecord[] = [];
  found: readonly AddrInfo[] = [];
  putResult = { node: true, pid: true };
  hold: Promise<void> | undefined;

  async put(record: PeerRecord): Promise<{ readonly node: boolean; readonly pid: boolean }> {
    this.puts.push(record);
    await this.hold;
    return this.putResult;
  }

  async byDid(did: string): Promise<VerifiedRecord | undefined> {
    this.asked.push(`did ${did}`);
    return [...this.byPeerId.values()].find(({ record }) => record.did === did);
  }

  async byPeer(peer: PeerId): Promise<VerifiedRecord | undefined> {
    this.asked.push(`peer ${peer}`);
    await this.hold;
    return this.byPeerId.get(peer);
  }

  async rawByDid(): Promise<unknown> {
    return undefined;
  }

  async indexerRecord(peer: PeerId): Promise<IndexerRecord | undefined> {
    this.asked.push(`indexer ${peer}`);
    return this.indexerRecords.get(peer);
  }

  async discover(count: number, skip: (peer: PeerId) => boolean): Promise<readonly AddrInfo[]> {
    return this.found.filter(({ ID }) => !skip(ID)).slice(0, count);
  }

  async ensureClient(): Promise<void> {}

  async refresh(): Promise<void> {}
}

export function fixedSuggestions(entries: readonly AddrInfo[] = []): Suggestions {
  let list = entries;
  return {
    list: () => list,
    has: (peer) => list.some(({ ID }) => ID === peer),
    drop: (peer) => void (list = list.filter(({ ID }) => ID !== peer)),
  };
}
