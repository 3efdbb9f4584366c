import {
  type DurabilityView,
  type FleetDelta,
  type FleetSnapshot,
  type HappeningView,
  type PeerView,
  type PullView,
  type ScoreView,
  type SeriesView,
  type SourceView,
  VIEW_LIMITS,
} from './fleet-view.ts';

/**
 * A fleet as a reader keeps it: a snapshot, indexed, with all deltas since applied. It is never changed: `applyDelta` makes a new
 * one, in which every collection that the delta did not touch is the same object, so that a reader sees by `===` what to redraw.
 */
export interface FleetState {
  /** Number of the last delta that is contained. */
  readonly seq: number;
  /** When the sender made it, by the sender's clock. */
  readonly at: number;
  readonly title: string;
  readonly version: string;
  readonly peers: ReadonlyMap<string, PeerView>;
  readonly scores: ReadonlyMap<string, ScoreView>;
  /** In no particular order: see {@link pullsNewestFirst}. */
  readonly pulls: ReadonlyMap<string, PullView>;
  readonly series: ReadonlyMap<string, SeriesView>;
  readonly sources: ReadonlyMap<string, SourceView>;
  readonly durability: DurabilityView | undefined;
  /** Newest first. */
  readonly happenings: readonly HappeningView[];
  readonly unlistedPeers: number;
}

/** The state that a snapshot describes. What is above `VIEW_LIMITS` is left out. */
export function stateOf(snapshot: FleetSnapshot): FleetState {
  return {
    seq: snapshot.seq,
    at: snapshot.at,
    title: snapshot.title,
    version: snapshot.version,
    peers: indexed(snapshot.peers, VIEW_LIMITS.peers),
    scores: indexed(snapshot.scores, VIEW_LIMITS.scores),
    pulls: indexed(snapshot.pulls, VIEW_LIMITS.pulls),
    series: indexed(snapshot.series.map(cutSeries), VIEW_LIMITS.series),
    sources: indexed(snapshot.sources, MAX_SOURCES),
    durability: snapshot.durability,
    happenings: snapshot.happenings.slice(0, VIEW_LIMITS.happenings),
    unlistedPeers: snapshot.unlistedPeers,
  };
}

/**
 * The state after a delta. A delta that the state contains already changes nothing. Undefined when one in between is missing:
 * then only a new snapshot helps.
 */
export function applyDelta(state: FleetState, delta: FleetDelta): FleetState | undefined {
  if (delta.seq <= state.seq) return state;
  if (delta.seq !== state.seq + 1) return undefined;
  return {
    seq: delta.seq,
    at: delta.at,
    title: state.title,
    version: state.version,
    peers: changed(state.peers, delta.peers, delta.removedPeers, VIEW_LIMITS.peers),
    scores: changed(state.scores, delta.scores, delta.removedScores, VIEW_LIMITS.scores),
    pulls: changed(state.pulls, delta.pulls, delta.removedPulls, VIEW_LIMITS.pulls),
    series: extended(state.series, delta),
    sources: delta.sources === undefined ? state.sources : indexed(delta.sources, MAX_SOURCES),
    durability: delta.durability ?? state.durability,
    happenings: told(state.happenings, delta.happenings),
    unlistedPeers: delta.unlistedPeers ?? state.unlistedPeers,
  };
}

/** The pulls of a state in the order in which they are listed. */
export function pullsNewestFirst(state: Pick<FleetState, 'pulls'>): readonly PullView[] {
  return [...state.pulls.values()].sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));
}

/** Services that a page server asks; above it a reader lists no more of them. */
const MAX_SOURCES = 1_024;

interface Entry {
  readonly id: string;
}

function indexed<T extends Entry>(entries: readonly T[], limit: number): ReadonlyMap<string, T> {
  const kept = entries.length > limit ? entries.slice(0, limit) : entries;
  return new Map(kept.map((entry) => [entry.id, entry]));
}

/** Removals first: an entry that is in both has come anew. */
function changed<T extends Entry>(
  before: ReadonlyMap<string, T>,
  entries: readonly T[] | undefined,
  removed: readonly string[] | undefined,
  limit: number,
): ReadonlyMap<string, T> {
  if (!entries?.length && !removed?.length) return before;
  const after = new Map(before);
  for (const id of removed ?? []) after.delete(id);
  for (const entry of entries ?? []) {
    if (after.size < limit || after.has(entry.id)) after.set(entry.id, entry);
  }
  return after;
}

function extended(
  before: ReadonlyMap<string, SeriesView>,
  { series, points }: FleetDelta,
): ReadonlyMap<string, SeriesView> {
  if (!series?.length && points === undefined) return before;
  const after = new Map(changed(before, series?.map(cutSeries), undefined, VIEW_LIMITS.series));
  for (const [id, more] of Object.entries(points ?? {})) {
    const known = after.get(id);
    if (known !== undefined) after.set(id, cutSeries({ ...known, points: [...known.points, ...more] }));
  }
  return after;
}

function cutSeries(series: SeriesView): SeriesView {
  return series.points.length > VIEW_LIMITS.points
    ? { ...series, points: series.points.slice(-VIEW_LIMITS.points) }
    : series;
}

function told(
  before: readonly HappeningView[],
  more: readonly HappeningView[] | undefined,
): readonly HappeningView[] {
  return more?.length ? [...more, ...before].slice(0, VIEW_LIMITS.happenings) : before;
}
