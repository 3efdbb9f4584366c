/** What is on the screen: lines of a state, in a size. */
import type { FleetState, PeerState } from '@muster/dashboard';
import { showBytes } from '../cli/progress.ts';
import { cell } from '../cli/table.ts';
import { ago, clock, type Column, type PaneView, paneView, type Row, type Tone } from './panes.ts';
import { fit, widthOf } from './text-width.ts';
import { type Pane, PANES, SORTS, type TopState } from './top-state.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export type Style = Tone | 'title' | 'heading' | 'selected' | 'active';

/** Puts a style on a text that is as wide as it will be shown; the text holds no control characters. */
export type Paint = (style: Style, text: string) => string;

const MIN_COLUMNS = 20;
const MIN_ROWS = 4;
const HEAD_ROWS = 4;
const FOOT_ROWS = 1;
const MAX_DETAILS = 8;
/** Columns without a width of their own have at least this one, or others make room. */
const MIN_FLEXIBLE = 8;
/** Below so many rows, no details are shown. */
const ROWS_FOR_DETAILS = 16;

/** The screen: exactly as many lines as it has rows, each exactly as wide as it is. */
export function render(state: TopState, size: ScreenSize, now: number, paint: Paint): readonly string[] {
  const { columns, rows } = size;
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) {
    return Array.from({ length: rows }, (_, row) => fit(row === 0 ? 'too small' : '', columns));
  }
  const view = paneView(state, now);
  const cursor = Math.min(state.cursors[state.pane], Math.max(0, view.rows.length - 1));
  const details = detailsOf(view, cursor, rows);
  const space = bodyRows(rows) - details.length;
  const first = firstRow(cursor, space, view.rows.length);
  const widths = widthsOf(view.columns, columns);
  const body = Array.from({ length: space }, (_, index) => {
    const row = view.rows[first + index];
    if (row === undefined)
      return index === 0 ? paint('dim', fit(emptyText(state), columns)) : ' '.repeat(columns);
    const text = fit(rowText(row.cells, view.columns, widths), columns);
    return paint(first + index === cursor ? 'selected' : row.tone, text);
  });
  return [
    paint('title', titleLine(state, columns, now)),
    fit(figuresLine(state.fleet, now), columns),
    tabsLine(state, columns, paint),
    paint(
      'heading',
      fit(
        rowText(
          view.columns.map(({ heading }) => heading),
          view.columns,
          widths,
        ),
        columns,
      ),
    ),
    ...body,
    ...details.map((text) => paint('dim', fit(`  ${text}`, columns))),
    footLine(state, view.rows.length, columns, now, paint),
  ].slice(0, rows);
}

/** Rows of a pane that fit a screen. */
export function bodyRows(rows: number): number {
  return Math.max(0, rows - HEAD_ROWS - FOOT_ROWS);
}

/** All panes as plain text, for pipes. */
export function renderPlain(state: TopState, now: number): string {
  const columns = 160;
  const sections = PANES.map((pane) => {
    const view = paneView({ ...state, pane }, now);
    const widths = widthsOf(view.columns, columns);
    const lines = [view.columns.map(({ heading }) => heading), ...view.rows.map(({ cells }) => cells)];
    return [
      `${paneTitle(state.fleet, pane)}`,
      ...lines.map((cells) => rowText(cells, view.columns, widths).trimEnd()),
    ].join('\n');
  });
  return [
    `${titleLine(state, columns, now).trimEnd()}\n${cell(figuresLine(state.fleet, now))}`,
    ...sections,
  ].join('\n\n');
}

function detailsOf({ rows }: PaneView, cursor: number, screenRows: number): readonly string[] {
  if (screenRows < ROWS_FOR_DETAILS) return [];
  return (rows[cursor]?.details ?? []).slice(0, MAX_DETAILS);
}

/** The row that is shown first, so that the selected one is on the screen. */
function firstRow(cursor: number, space: number, total: number): number {
  const middle = cursor - Math.floor(space / 2);
  return Math.max(0, Math.min(middle, total - space));
}

/** The width of each column; 0 for those that are left out because the screen is too narrow for all. */
function widthsOf(columns: readonly Column[], total: number): readonly number[] {
  let shown = columns;
  while (shareOf(shown, total) < MIN_FLEXIBLE && shown.length > 1) {
    // The last but the first: names are worth more than anything else.
    shown = shown.slice(0, -1);
  }
  const share = shareOf(shown, total);
  const flexible = shown.filter(({ width }) => width === undefined).length;
  let rest = Math.max(0, total - fixedOf(shown) - share * flexible);
  return columns.map((column) => {
    if (!shown.includes(column)) return 0;
    if (column.width !== undefined) return column.width;
    const extra = rest > 0 ? 1 : 0;
    rest -= extra;
    return share + extra;
  });
}

/** Columns of the terminal for each column without a width of its own. */
function shareOf(columns: readonly Column[], total: number): number {
  const flexible = columns.filter(({ width }) => width === undefined).length;
  return flexible === 0 ? MIN_FLEXIBLE : Math.max(0, Math.floor((total - fixedOf(columns)) / flexible));
}

function fixedOf(columns: readonly Column[]): number {
  return columns.reduce((sum, { width = 0 }) => sum + width, columns.length - 1);
}

function rowText(cells: Row['cells'], columns: readonly Column[], widths: readonly number[]): string {
  return columns
    .flatMap(({ align }, index) => {
      const width = widths[index] ?? 0;
      return width === 0 ? [] : [fit(cells[index] ?? '', width, align)];
    })
    .join(' ');
}

function titleLine({ fleet, page }: TopState, columns: number, now: number): string {
  const left = fleet === undefined ? page : `${fleet.title}  ${peersText(fleet)}`;
  const right = clock(now);
  return `${fit(left, columns - right.length - 1)} ${right}`;
}

function peersText({ peers, unlistedPeers }: FleetState): string {
  const counts = new Map<PeerState, number>();
  for (const { state } of peers.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = (['online', 'stale', 'unreachable', 'gone'] as const).flatMap((state) => {
    const count = counts.get(state);
    return count === undefined ? [] : [`${count} ${state}`];
  });
  const more = unlistedPeers > 0 ? ` of ${peers.size + unlistedPeers}` : '';
  return `${peers.size}${more} peers${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}

function figuresLine(fleet: FleetState | undefined, now: number): string {
  if (fleet === undefined) return '';
  const { durability, series } = fleet;
  const latest = (id: string): number | undefined => series.get(id)?.points.at(-1)?.[1];
  const requests = latest('registry.requests');
  const origin = latest('pulls.origin-bytes');
  const peers = latest('pulls.peer-bytes');
  const failed = [...fleet.sources.values()].filter(({ state }) => state === 'failed');
  return [
    ...(durability === undefined
      ? []
      : [
          `registry ${durability.mode}, ${durability.durableSeq} of ${durability.appliedSeq} durable, log ${showBytes(durability.logBytes)}` +
            (durability.lastSyncAt === undefined ? '' : `, synced ${ago(now - durability.lastSyncAt)} ago`),
        ]),
    ...(requests === undefined ? [] : [`${requests} requests/s`]),
    ...(origin === undefined ? [] : [`origin ${showBytes(origin)}/s`]),
    ...(peers === undefined ? [] : [`peers ${showBytes(peers)}/s`]),
    ...(failed.length === 0 ? [] : [`no answer: ${failed.map(({ id }) => id).join(', ')}`]),
  ].join(' | ');
}

function paneTitle(fleet: FleetState | undefined, pane: Pane): string {
  const counts: Readonly<Record<Pane, number>> = {
    peers: fleet?.peers.size ?? 0,
    indexers: fleet?.scores.size ?? 0,
    pulls: fleet?.pulls.size ?? 0,
    events: fleet?.happenings.length ?? 0,
  };
  return `${pane[0]?.toUpperCase()}${pane.slice(1)} ${counts[pane]}`;
}

function tabsLine(state: TopState, columns: number, paint: Paint): string {
  let used = 0;
  let line = '';
  for (const pane of PANES) {
    const text = ` ${paneTitle(state.fleet, pane)} `;
    if (used + text.length > columns) break;
    line += pane === state.pane ? paint('active', text) : paint('dim', text);
    used += text.length;
  }
  const filter =
    state.filter === '' && !state.isFiltering ? '' : `  /${state.filter}${state.isFiltering ? '_' : ''}`;
  return line + fit(filter, columns - used);
}

function emptyText({ fleet, filter, connection }: TopState): string {
  if (fleet === undefined) return connection.kind === 'lost' ? '' : 'connecting …';
  return filter === '' ? 'nothing here yet' : 'nothing matches';
}

function footLine(state: TopState, rows: number, columns: number, now: number, paint: Paint): string {
  const { connection, pane } = state;
  if (connection.kind === 'lost') {
    const old = state.fleet === undefined ? '' : '; what is shown is old';
    const text = ` no connection for ${ago(now - connection.since)}: ${connection.reason}${old}; trying again `;
    return paint('bad', fit(text, columns));
  }
  const sort = SORTS[pane][state.sorts[pane]] ?? '';
  const help = state.isFiltering
    ? 'type to filter, enter keeps it, esc ends it'
    : `q quit  tab pane  / filter  s sort: ${sort}  ↑↓ select`;
  const right = rows === 0 ? '' : `${Math.min(state.cursors[pane] + 1, rows)}/${rows}`;
  return paint('dim', `${fit(help, columns - widthOf(right))}${right}`);
}
