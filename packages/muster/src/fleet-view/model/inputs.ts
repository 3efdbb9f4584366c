/** What collectors tell the model. Times are milliseconds since the epoch. */
import type {
  DurabilityView,
  HappeningView,
  PeerRole,
  PullView,
  ScoreView,
  SourceView,
  ViewSource,
} from '@muster/dashboard';

/** What one source says of one peer. */
export interface PeerFact {
  /** Names the peer within its source. */
  readonly key: string;
  /** Of these, whatever the source knows; the first that is known identifies the peer among all sources. */
  readonly peerId?: string;
  readonly nodeId?: number;
  readonly name?: string;
  readonly did?: string;
  readonly roles?: readonly PeerRole[];
  readonly tags?: readonly string[];
  readonly networks?: readonly number[];
  readonly address?: string;
  readonly lastSeenAt?: number;
  readonly links?: readonly string[];
  readonly pid?: number;
  readonly state: 'online' | 'stale' | 'gone';
  /** The source is this peer itself: its answer is a sign of life, its silence is one of trouble. */
  readonly isSelf?: boolean;
}

/** What a node says of an indexer. The history is the model's. */
export type ScoreFact = Omit<ScoreView, 'id' | 'history'>;

export type ViewInput =
  | {
      readonly type: 'source';
      readonly id: string;
      readonly kind: ViewSource;
      readonly address: string;
      readonly state: SourceView['state'];
      readonly error?: string;
    }
  | { readonly type: 'source-removed'; readonly id: string }
  | {
      readonly type: 'peers';
      readonly source: string;
      readonly facts: readonly PeerFact[];
      /** These are all that the source knows: others that it knew are gone. */
      readonly isComplete: boolean;
      /** A peer that the source has not seen for so long is stale. */
      readonly staleAfterMs?: number;
      /** How many the source knows, when it does not tell of all. */
      readonly total?: number;
    }
  | { readonly type: 'peers-gone'; readonly source: string; readonly keys: readonly string[] }
  | {
      readonly type: 'peers-seen';
      readonly source: string;
      readonly seen: readonly (readonly [key: string, at: number])[];
    }
  | {
      readonly type: 'scores';
      readonly source: string;
      readonly scores: readonly ScoreFact[];
      readonly isComplete: boolean;
    }
  | { readonly type: 'pulls'; readonly source: string; readonly pulls: readonly PullView[] }
  /** A total that grows; what is shown is by how much a second, summed over all sources. */
  | { readonly type: 'counter'; readonly source: string; readonly series: SeriesName; readonly total: number }
  /** A figure of now, over all sources as {@link COMBINED} says. */
  | { readonly type: 'gauge'; readonly source: string; readonly series: SeriesName; readonly value: number }
  | { readonly type: 'durability'; readonly source: string; readonly figures: DurabilityView }
  | {
      readonly type: 'happening';
      readonly severity: HappeningView['severity'];
      /** `{0}`, `{1}` … stand for the names of those in `mentions`. */
      readonly text: string;
      /** Ids of peers. */
      readonly mentions?: readonly string[];
      readonly peer?: string;
      readonly at?: number;
    };

/** The figures that are plotted. */
export const SERIES = {
  'registry.requests': { label: 'Requests to the registry', unit: '1/s' },
  'registry.events': { label: 'Changes in the registry', unit: '1/s' },
  'registry.online': { label: 'Nodes online', unit: '' },
  'registry.log-bytes': { label: 'Write-ahead log', unit: 'B' },
  'registry.latency.p50': { label: 'Time of a registry request, p50', unit: 'ms' },
  'registry.latency.p99': { label: 'Time of a registry request, p99', unit: 'ms' },
  'overlay.rtt.mean': { label: 'Round trip to indexers, mean', unit: 'ms' },
  'overlay.rtt.max': { label: 'Round trip to indexers, max', unit: 'ms' },
  'mirrors.first-byte.p50': { label: 'First byte from mirrors, p50', unit: 'ms' },
  'mirrors.first-byte.p99': { label: 'First byte from mirrors, p99', unit: 'ms' },
  'overlay.heartbeats': { label: 'Heartbeats answered', unit: '1/s' },
  'pulls.origin-bytes': { label: 'From origins', unit: 'B/s' },
  'pulls.peer-bytes': { label: 'From peers', unit: 'B/s' },
  'pulls.cache-bytes': { label: 'From own stores', unit: 'B/s' },
  'mirrors.store-bytes': { label: 'Kept by mirrors', unit: 'B' },
} as const;

export type SeriesName = keyof typeof SERIES;

/** How gauges of several sources become one figure, where that is not their sum. */
export const COMBINED: Partial<Readonly<Record<SeriesName, 'mean' | 'max'>>> = {
  'registry.latency.p50': 'mean',
  'registry.latency.p99': 'max',
  'overlay.rtt.mean': 'mean',
  'overlay.rtt.max': 'max',
  'mirrors.first-byte.p50': 'mean',
  'mirrors.first-byte.p99': 'max',
};
