/**
 * What a page, or a terminal, is shown of a fleet: one snapshot, then changes. Times are milliseconds since the epoch unless a
 * name says otherwise; sizes are bytes. Everything is bounded by whoever sends it; whoever reads it takes it as data, never as markup.
 */

export type PeerRole = 'registry' | 'node' | 'indexer' | 'mirror' | 'origin';
/** `unreachable`: whoever should know does not answer, so that what is shown is old. `gone`: it has left, or is dead. */
export type PeerState = 'online' | 'stale' | 'unreachable' | 'gone';
/** Who says so. */
export type ViewSource = 'registry' | 'overlay' | 'mirror' | 'supervisor';

/** One peer, put together from all that know of it. */
export interface PeerView {
  /** Stable within one page server: the peer id, or `registry:<node id>`, or `process:<name>`. */
  readonly id: string;
  readonly name: string;
  readonly roles: readonly PeerRole[];
  readonly state: PeerState;
  readonly peerId?: string;
  readonly nodeId?: number;
  readonly did?: string;
  readonly address?: string;
  readonly tags: readonly string[];
  /** Numbers of registry networks. */
  readonly networks: readonly number[];
  readonly lastSeenAt?: number;
  readonly sources: readonly ViewSource[];
  /** Ids of peers that it deals with: the indexers of a node's pool, the mirrors that it copied from. At most 64. */
  readonly links: readonly string[];
  /** Of a child of the fleet on this machine. */
  readonly pid?: number;
}

/** One term of a score. */
export interface TermView {
  readonly name: string;
  /** 0 to 1. */
  readonly value: number;
  readonly weight: number;
  /** What it was measured from, for people. */
  readonly evidence: string;
}

/** What one node thinks of one indexer. */
export interface ScoreView {
  /** `<observer>/<subject>` */
  readonly id: string;
  readonly observer: string;
  readonly subject: string;
  /** 0 to 100; undefined until it is known. */
  readonly score?: number;
  readonly minimum?: number;
  readonly standing: 'in pool' | 'suspended' | 'evicted';
  /** Why it was evicted, or suspended. */
  readonly reason?: string;
  readonly terms: readonly TermView[];
  /** Score over time, oldest first, at most 240 points. */
  readonly history: readonly (readonly [at: number, score: number])[];
}

/** Where bytes of a pull came from. */
export interface PullSourceView {
  /** `origin`, `cache`, or the id of a peer. */
  readonly from: string;
  readonly bytes: number;
}

/** One object that one mirror got, or is getting. */
export interface PullView {
  /** `<mirror>/<digest>/<started>` */
  readonly id: string;
  readonly digest: string;
  readonly kind: string;
  /** Id of the mirror. */
  readonly mirror: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly size?: number;
  readonly received: number;
  readonly sources: readonly PullSourceView[];
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** How the registry stands with its disk. */
export interface DurabilityView {
  /** `batch`, `memory`, … as the registry names it. */
  readonly mode: string;
  readonly lastSyncAt?: number;
  readonly logBytes: number;
  readonly lastSnapshotAt?: number;
  readonly snapshotBytes?: number;
  readonly appliedSeq: number;
  readonly durableSeq: number;
}

/** One service that the page server asks. */
export interface SourceView {
  readonly id: string;
  readonly kind: ViewSource;
  readonly address: string;
  readonly state: 'connecting' | 'ok' | 'failed';
  readonly since: number;
  readonly error?: string;
}

/** One plotted figure. */
export interface SeriesView {
  /** `registry.requests`, `pulls.origin-bytes`, … */
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  /** Oldest first, one a second, at most 600. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

/** One thing that happened, for the list of events. */
export interface HappeningView {
  readonly seq: number;
  readonly at: number;
  readonly severity: 'info' | 'warning' | 'error';
  readonly text: string;
  readonly peer?: string;
}

/** Everything. */
export interface FleetSnapshot {
  readonly protocol: 1;
  /** Number of the last delta that is contained. */
  readonly seq: number;
  readonly at: number;
  readonly title: string;
  readonly version: string;
  readonly peers: readonly PeerView[];
  readonly scores: readonly ScoreView[];
  /** Newest first, at most 500. */
  readonly pulls: readonly PullView[];
  readonly series: readonly SeriesView[];
  readonly sources: readonly SourceView[];
  readonly durability?: DurabilityView;
  /** Newest first, at most 200. */
  readonly happenings: readonly HappeningView[];
  /** How many peers there are beyond those that are listed, when there are too many. */
  readonly unlistedPeers: number;
}

/** What has changed since the delta before. Whole entries replace those with the same id. */
export interface FleetDelta {
  readonly seq: number;
  readonly at: number;
  readonly peers?: readonly PeerView[];
  readonly removedPeers?: readonly string[];
  readonly scores?: readonly ScoreView[];
  readonly removedScores?: readonly string[];
  readonly pulls?: readonly PullView[];
  readonly removedPulls?: readonly string[];
  /** New points of series, by id; a series that is not known yet comes as `series`. */
  readonly points?: Readonly<Record<string, readonly (readonly [at: number, value: number])[]>>;
  readonly series?: readonly SeriesView[];
  /** All of them, when any has changed. */
  readonly sources?: readonly SourceView[];
  readonly durability?: DurabilityView;
  /** Those that are new, newest first. */
  readonly happenings?: readonly HappeningView[];
  readonly unlistedPeers?: number;
}

/** Bounds that senders keep to and readers may rely on. */
export const VIEW_LIMITS = {
  peers: 20_000,
  linksOfPeer: 64,
  scores: 2_000,
  scoreHistory: 240,
  pulls: 500,
  points: 600,
  series: 64,
  happenings: 200,
} as const;
