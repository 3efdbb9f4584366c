/** The rows of each pane: what is shown of a fleet, filtered and sorted, as texts in columns. */
import {
  type FleetState,
  type PeerView,
  type PullView,
  pullsNewestFirst,
  type ScoreView,
} from '@muster/dashboard';
import { showBytes } from '../cli/progress.ts';
import { type Pane, SORTS, type TopState } from './top-state.ts';

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'dim';

export interface Column {
  readonly heading: string;
  /** Columns of the terminal; those without share what is left. */
  readonly width?: number;
  readonly align?: 'right';
}

export interface Row {
  readonly cells: readonly string[];
  readonly tone: Tone;
  /** More of it, for the selected row. */
  readonly details: readonly string[];
}

export interface PaneView {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

export const COLUMNS: Readonly<Record<Pane, readonly Column[]>> = {
  peers: [
    { heading: 'NAME' },
    { heading: 'ROLES', width: 14 },
    { heading: 'STATE', width: 11 },
    { heading: 'SEEN', width: 5, align: 'right' },
    { heading: 'NODE', width: 6, align: 'right' },
    { heading: 'ADDRESS' },
  ],
  indexers: [
    { heading: 'OBSERVER' },
    { heading: 'INDEXER' },
    { heading: 'SCORE', width: 5, align: 'right' },
    { heading: 'MIN', width: 5, align: 'right' },
    { heading: 'STANDING', width: 9 },
    { heading: 'HISTORY', width: 12 },
    { heading: 'WHY' },
  ],
  pulls: [
    { heading: 'MIRROR' },
    { heading: 'KIND', width: 8 },
    { heading: 'DIGEST', width: 12 },
    { heading: 'STATE', width: 7 },
    { heading: 'SIZE', width: 9, align: 'right' },
    { heading: 'DONE', width: 5, align: 'right' },
    { heading: 'FROM' },
  ],
  events: [{ heading: 'TIME', width: 8 }, { heading: 'WHAT' }],
};

/** The rows of the pane that is looked at. `now`: milliseconds since the epoch. */
export function paneView(state: TopState, now: number): PaneView {
  const { pane, fleet } = state;
  const columns = COLUMNS[pane];
  if (fleet === undefined) return { columns, rows: [] };
  const wanted = state.filter.toLowerCase();
  const rows = rowsOf(fleet, pane, SORTS[pane][state.sorts[pane]] ?? '', now);
  const isWanted = ({ cells }: Row): boolean => cells.some((text) => text.toLowerCase().includes(wanted));
  return { columns, rows: wanted === '' ? rows : rows.filter(isWanted) };
}

function rowsOf(fleet: FleetState, pane: Pane, sort: string, now: number): readonly Row[] {
  switch (pane) {
    case 'peers':
      return sortedPeers(fleet, sort).map((peer) => peerRow(peer, now));
    case 'indexers':
      return sortedScores(fleet, sort).map((score) => scoreRow(fleet, score));
    case 'pulls':
      return sortedPulls(fleet, sort).map((pull) => pullRow(fleet, pull));
    case 'events':
      return fleet.happenings.map(({ at, severity, text }) => ({
        cells: [clock(at), text],
        tone: severity === 'error' ? 'bad' : severity === 'warning' ? 'warn' : 'plain',
        details: [],
      }));
    default:
      return pane satisfies never;
  }
}

const STATE_ORDER = ['unreachable', 'gone', 'stale', 'online'];

function sortedPeers({ peers }: FleetState, sort: string): readonly PeerView[] {
  const byName = (a: PeerView, b: PeerView): number => compare(a.name, b.name) || compare(a.id, b.id);
  const first: Readonly<Partial<Record<string, (a: PeerView, b: PeerView) => number>>> = {
    state: (a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state),
    role: (a, b) => compare(a.roles.join(), b.roles.join()),
    seen: (a, b) => (b.lastSeenAt ?? 0) - (a.lastSeenAt ?? 0),
  };
  return [...peers.values()].sort((a, b) => first[sort]?.(a, b) || byName(a, b));
}

function peerRow(peer: PeerView, now: number): Row {
  const {
    id,
    name,
    roles,
    state,
    lastSeenAt,
    nodeId,
    address = '',
    did,
    tags,
    networks,
    sources,
    pid,
  } = peer;
  return {
    cells: [
      name,
      roles.join(','),
      state,
      lastSeenAt === undefined ? '' : ago(now - lastSeenAt),
      nodeId === undefined ? '' : String(nodeId),
      address,
    ],
    tone: state === 'online' ? 'plain' : state === 'stale' ? 'warn' : state === 'gone' ? 'dim' : 'bad',
    details: [
      `${id}${did === undefined ? '' : `  ${did}`}`,
      [
        ...(address === '' ? [] : [address]),
        ...(tags.length === 0 ? [] : [`tags ${tags.join(' ')}`]),
        ...(networks.length === 0 ? [] : [`networks ${networks.join(' ')}`]),
        `told by ${sources.join(', ')}`,
        ...(pid === undefined ? [] : [`process ${pid}`]),
      ].join('; '),
    ],
  };
}

function sortedScores({ scores, peers }: FleetState, sort: string): readonly ScoreView[] {
  const name = (id: string): string => peers.get(id)?.name ?? id;
  const byNames = (a: ScoreView, b: ScoreView): number =>
    compare(name(a.observer), name(b.observer)) || compare(name(a.subject), name(b.subject));
  const first: Readonly<Partial<Record<string, (a: ScoreView, b: ScoreView) => number>>> = {
    score: (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity),
    indexer: (a, b) => compare(name(a.subject), name(b.subject)),
  };
  return [...scores.values()].sort((a, b) => {
    const ordered = first[sort]?.(a, b) ?? 0;
    return Number.isNaN(ordered) || ordered === 0 ? byNames(a, b) : ordered;
  });
}

function scoreRow({ peers }: FleetState, score: ScoreView): Row {
  const { observer, subject, score: value, minimum, standing, reason, terms, history } = score;
  const weakest = terms.toSorted((a, b) => b.weight * (1 - b.value) - a.weight * (1 - a.value))[0];
  const isLow = value !== undefined && minimum !== undefined && value < minimum;
  return {
    cells: [
      peers.get(observer)?.name ?? observer,
      peers.get(subject)?.name ?? subject,
      value === undefined ? '-' : value.toFixed(1),
      minimum === undefined ? '-' : minimum.toFixed(1),
      standing,
      sparkline(
        history.map(([, each]) => each),
        12,
      ),
      reason ?? (weakest === undefined ? '' : `weakest: ${weakest.name} ${weakest.value.toFixed(2)}`),
    ],
    tone: standing === 'evicted' ? 'bad' : standing === 'suspended' || isLow ? 'warn' : 'plain',
    details: terms.map(
      ({ name, value: each, weight, evidence }) =>
        `${name.padEnd(16)} ${each.toFixed(2)} × ${weight.toFixed(2)}  ${evidence}`,
    ),
  };
}

function sortedPulls(fleet: FleetState, sort: string): readonly PullView[] {
  const pulls = pullsNewestFirst(fleet);
  if (sort === 'size') return pulls.toSorted((a, b) => (b.size ?? b.received) - (a.size ?? a.received));
  if (sort === 'mirror') return pulls.toSorted((a, b) => compare(a.mirror, b.mirror));
  return pulls;
}

function pullRow({ peers }: FleetState, pull: PullView): Row {
  const { digest, kind, mirror, state, size, received, sources, reason, startedAt, endedAt } = pull;
  const from = sources
    .map(({ from: id, bytes }) => `${peers.get(id)?.name ?? id} ${showBytes(bytes)}`)
    .join(', ');
  const share = size === undefined || size === 0 ? '' : `${Math.floor((received / size) * 100)}%`;
  const took = endedAt === undefined ? '' : ` in ${((endedAt - startedAt) / 1000).toFixed(1)} s`;
  return {
    cells: [
      peers.get(mirror)?.name ?? mirror,
      kind,
      digest.replace(/^sha256:/, ''),
      state,
      size === undefined ? '' : showBytes(size),
      state === 'done' ? '100%' : share,
      state === 'failed' ? (reason ?? 'failed') : from,
    ],
    tone: state === 'failed' ? 'bad' : state === 'running' ? 'good' : 'plain',
    details: [digest, `${from === '' ? 'nothing yet' : from}${took}`],
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `4s`, `12m`, `3h`, `2d` */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}

/** `12:34:56`, UTC: the same on every machine that looks at the fleet. */
export function clock(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8.64e15
    ? new Date(at).toISOString().slice(11, 19)
    : '--:--:--';
}

const BARS = '▁▂▃▄▅▆▇█';

/** The last values from 0 to 100, a character each. */
function sparkline(values: readonly number[], width: number): string {
  return values
    .slice(-width)
    .map((value) => BARS[Math.max(0, Math.min(7, Math.floor((value / 100) * 8)))])
    .join('');
}
