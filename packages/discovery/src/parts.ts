/**
 * The parts of a daemon as the other parts see them. Each is implemented once; `daemon.ts` wires them. Times are
 * milliseconds of the injected clock (`monotonic` for differences, `now` where a date is meant).
 */

import type { UptimeTracker } from './scoring/uptime.ts';
import type { ScoreTerms } from './scoring/terms.ts';
import type {
  AddrInfo,
  HeartbeatResponse,
  IndexerRecord,
  PeerId,
  PeerRecord,
  SearchHit,
  WireErrorCode,
  WitnessReport,
} from './wire/messages.ts';

/** A record that has passed 9.3, with its expiry in milliseconds since the epoch. */
export interface VerifiedRecord {
  readonly record: PeerRecord;
  readonly expiresAt: number;
}

/** One indexer of the pool, as a copy: writing to it changes nothing (F:1). */
export interface PoolEntryView {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
  readonly isSeed: boolean;
  readonly isHealthy: boolean;
  readonly isReferent: boolean;
  /** 0 to 100; undefined before the first answer. */
  readonly score: number | undefined;
  readonly minimumScore: number;
  readonly terms: ScoreTerms | undefined;
  /** alpha / (alpha + beta) of 13.8. */
  readonly confidence: number;
  /** The counters behind the terms, for an explanation with evidence. */
  readonly evidence: Readonly<Record<string, number>>;
  readonly ageMs: number;
  readonly fillRate: number;
  readonly bornAt: string | undefined;
  readonly lastSeen: number | undefined;
  readonly rttMs: number | undefined;
  readonly consecutiveFails: number;
  readonly silent: number;
  readonly suspendedUntil: number | undefined;
}

/** The pool of indexers this process heartbeats (sections 11, 13, 14). */
export interface Pool {
  readonly size: number;
  readonly maxSize: number;
  readonly healthyCount: number;
  has(peer: PeerId): boolean;
  /** Healthy entries first, each group shuffled; blacklisted ones never. For lookups and searches. */
  reachable(): readonly AddrInfo[];
  view(): readonly PoolEntryView[];
  entry(peer: PeerId): PoolEntryView | undefined;
  /** 13.7. */
  witnessReport(asked: PeerId): WitnessReport;
  isQuarantined(peer: PeerId): boolean;
  /** Quarantined peers and the end of their quarantine. */
  quarantined(): readonly { readonly peer: PeerId; readonly until: number; readonly evidence: string }[];
  /** Takes an indexer that has contacted us (12.3.9, 14.9), if there is room and it is usable; nudges. */
  consider(candidate: AddrInfo, from: string): boolean;
  /** Feeds the LRU of known peers (13.6) with peers met in witness answers, search hits and get results. */
  noteKnownPeer(peer: AddrInfo): void;
  /** Removes a blacklisted or vanished peer everywhere in the pool. */
  drop(peer: PeerId, reason: 'blacklisted' | 'gone'): void;
  /** Early, partial tick (11.2). */
  nudge(): void;
}

/** A node that heartbeats this indexer. The live object of the table; only the heartbeat server writes to it. */
export interface NodeRecord {
  readonly peer: PeerId;
  did: string | undefined;
  /** The newest verified record, from a heartbeat or a publish. */
  verified: VerifiedRecord | undefined;
  /** Usable addresses: of the record, and observed. */
  addresses: readonly string[];
  readonly tracker: UptimeTracker;
  /** When the entry ends unless another heartbeat comes. */
  expiresAt: number;
  lastScore: number;
  /** What the node last said of us, 0..100 (`local_score`). */
  localScore: number | undefined;
  /** Whether it is an indexer too (its heartbeats carry no record). */
  isIndexer: boolean;
}

/** The live heartbeat records of an indexer (12.2, 12.7). */
export interface NodeTable {
  readonly size: number;
  readonly maxNodes: number;
  /** min(1, size / maxNodes). */
  readonly fillRate: number;
  /** A record that has not expired. */
  get(peer: PeerId): NodeRecord | undefined;
  has(peer: PeerId): boolean;
  values(): Iterable<NodeRecord>;
  /** 15.1.6: notes a published record on a live entry, without counting online time. */
  notePublished(peer: PeerId, did: string, verified: VerifiedRecord): void;
}

/** Windows, strikes, bans and identity pins of an indexer (section 17). */
export interface Behaviour {
  record(
    peer: PeerId,
    action: 'heartbeat' | 'publish' | 'get',
  ):
    | { readonly accepted: true }
    | {
        readonly accepted: false;
        readonly code: 'rate_limited' | 'banned';
        readonly retryAfterMs: number;
      };
  /** Charges strikes to an authenticated peer, never to a claimed id. */
  strike(peer: PeerId, weight: number, cause: string): void;
  /** Milliseconds until the ban ends; undefined when not banned. Creates no state. */
  bannedForMs(peer: PeerId): number | undefined;
  /** 17.3. False: a strike of 2 was charged and the caller refuses. An empty DID is always fine. */
  checkIdentity(peer: PeerId, did: string): boolean;
  bans(): readonly { readonly peer: PeerId; readonly forMs: number; readonly strikes: number }[];
}

/** Signed records in the DHT, and who provides the indexers' CID (section 10). */
export interface RecordDirectory {
  /** Puts `/node/` and `/pid/`, both attempted (15.1.7). Coalescing is the caller's. Never rejects. */
  put(record: PeerRecord): Promise<{ readonly node: boolean; readonly pid: boolean }>;
  /** The valid, unexpired record, or undefined. Never rejects. */
  byDid(did: string, timeoutMs: number): Promise<VerifiedRecord | undefined>;
  byPeer(peer: PeerId, timeoutMs: number): Promise<VerifiedRecord | undefined>;
  /** The value as it lies in the DHT, for a DHT challenge (12.3.4). */
  rawByDid(did: string, timeoutMs: number): Promise<unknown>;
  /** The valid `/indexer/` record, or undefined. */
  indexerRecord(peer: PeerId, timeoutMs: number): Promise<IndexerRecord | undefined>;
  /** 10.6: up to `count` usable indexers; those with a valid indexer record first. Never rejects. */
  discover(count: number, skip: (peer: PeerId) => boolean): Promise<readonly AddrInfo[]>;
  /** Joins the DHT as a client, once, bootstrapped on the seeds (nodes, after the warm-up). Never rejects. */
  ensureClient(): Promise<void>;
  /** Refreshes the routing table from the seeds and the pool. */
  refresh(): Promise<void>;
}

/** The suggestion cache of an indexer (10.6). */
export interface Suggestions {
  list(): readonly AddrInfo[];
  has(peer: PeerId): boolean;
  drop(peer: PeerId): void;
}

/** Who has designated this indexer as its referent (16.1). */
export interface Referenced {
  readonly size: number;
  set(peer: PeerId, hit: SearchHit & { readonly record: PeerRecord }): void;
  delete(peer: PeerId): void;
}

/** The admission gate (15.5). */
export interface Gate {
  isKnown(
    peer: PeerId,
  ): Promise<
    | { readonly known: true }
    | { readonly known: false; readonly code: Extract<WireErrorCode, 'unknown_peer' | 'blacklisted'> }
  >;
  /** Forgets what was cached of a peer. */
  forget(peer: PeerId): void;
}

/** What a heartbeat server says of itself, for the indexer record (10.7) and the status. */
export interface IndexerFacts {
  readonly bornAt: number;
  readonly table: NodeTable;
  /** 24.6. */
  cachedScore(): number;
}

/** The answer of an indexer to a candidate probe (14.5). */
export interface ProbeAnswer {
  readonly response: HeartbeatResponse | undefined;
  readonly rttMs: number | undefined;
  readonly isConnected: boolean;
}
