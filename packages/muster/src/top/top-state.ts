/** What `muster top` shows, and what keys do to it: a plain model. */
import type { FleetState } from '@muster/dashboard';

export const PANES = ['peers', 'indexers', 'pulls', 'events'] as const;
export type Pane = (typeof PANES)[number];

/** By what each pane can be sorted; the first is what it begins with. */
export const SORTS: Readonly<Record<Pane, readonly string[]>> = {
  peers: ['name', 'state', 'role', 'seen'],
  indexers: ['score', 'observer', 'indexer'],
  pulls: ['newest', 'size', 'mirror'],
  events: ['newest'],
};

const MAX_FILTER_CHARS = 64;

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** `since`: milliseconds since the epoch. */
  | { readonly kind: 'lost'; readonly reason: string; readonly since: number };

export interface TopState {
  readonly page: string;
  readonly connection: Connection;
  /** What is known; also that of before the connection was lost. */
  readonly fleet: FleetState | undefined;
  readonly pane: Pane;
  readonly filter: string;
  /** Keys go to the filter. */
  readonly isFiltering: boolean;
  readonly sorts: Readonly<Record<Pane, number>>;
  /** The selected row of each pane. */
  readonly cursors: Readonly<Record<Pane, number>>;
}

export function initialTop(page: string): TopState {
  return {
    page,
    connection: { kind: 'connecting' },
    fleet: undefined,
    pane: 'peers',
    filter: '',
    isFiltering: false,
    sorts: { peers: 0, indexers: 0, pulls: 0, events: 0 },
    cursors: { peers: 0, indexers: 0, pulls: 0, events: 0 },
  };
}

export type Key =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind:
        | 'up'
        | 'down'
        | 'page-up'
        | 'page-down'
        | 'home'
        | 'end'
        | 'tab'
        | 'back-tab'
        | 'enter'
        | 'escape'
        | 'erase'
        | 'interrupt';
    };

const SEQUENCES: readonly (readonly [sequence: string, kind: Exclude<Key['kind'], 'text'>])[] = [
  ['\u001b[A', 'up'],
  ['\u001bOA', 'up'],
  ['\u001b[B', 'down'],
  ['\u001bOB', 'down'],
  ['\u001b[5~', 'page-up'],
  ['\u001b[6~', 'page-down'],
  ['\u001b[H', 'home'],
  ['\u001b[1~', 'home'],
  ['\u001b[F', 'end'],
  ['\u001b[4~', 'end'],
  ['\u001b[Z', 'back-tab'],
  ['\u001b[C', 'tab'],
  ['\u001b[D', 'back-tab'],
  ['\t', 'tab'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\u007f', 'erase'],
  ['\b', 'erase'],
  ['\u0003', 'interrupt'],
  ['\u0004', 'interrupt'],
];

// oxlint-disable-next-line no-control-regex
const OTHER_SEQUENCE = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O.)/;

/** Takes apart what a terminal sends. What is not known is left out. */
export function keysOf(input: string): readonly Key[] {
  const keys: Key[] = [];
  let rest = input;
  while (rest !== '') {
    const found = SEQUENCES.find(([sequence]) => rest.startsWith(sequence));
    if (found !== undefined) {
      keys.push({ kind: found[1] });
      rest = rest.slice(found[0].length);
      continue;
    }
    const other = OTHER_SEQUENCE.exec(rest)?.[0];
    if (other !== undefined) {
      rest = rest.slice(other.length);
      continue;
    }
    const [character = ''] = rest;
    if (character === '\u001b') keys.push({ kind: 'escape' });
    else if (character >= ' ') keys.push({ kind: 'text', text: character });
    rest = rest.slice(character.length);
  }
  return keys;
}

/** The state after a key; `quit` ends it. `rows` and `page`: how many rows there are, and fit. */
export function press(state: TopState, key: Key, rows: number, page: number): TopState | 'quit' {
  if (key.kind === 'interrupt') return 'quit';
  if (state.isFiltering) return typed(state, key) ?? moved(state, key, rows, page);
  switch (key.kind) {
    case 'text':
      return command(state, key.text);
    case 'tab':
      return switched(state, 1);
    case 'back-tab':
      return switched(state, -1);
    case 'escape':
      return filtered(state, '');
    default:
      return moved(state, key, rows, page);
  }
}

function command(state: TopState, text: string): TopState | 'quit' {
  const pane = PANES[Number(text) - 1];
  if (pane !== undefined) return { ...state, pane };
  switch (text) {
    case 'q':
      return 'quit';
    case '/':
      return { ...state, isFiltering: true };
    case 's': {
      const next = (state.sorts[state.pane] + 1) % SORTS[state.pane].length;
      return { ...state, sorts: { ...state.sorts, [state.pane]: next } };
    }
    default:
      return state;
  }
}

/** Undefined when the key means nothing to a filter. */
function typed(state: TopState, key: Key): TopState | undefined {
  switch (key.kind) {
    case 'text':
      return filtered(state, (state.filter + key.text).slice(0, MAX_FILTER_CHARS));
    case 'erase':
      return filtered(state, [...state.filter].slice(0, -1).join(''));
    case 'escape':
      return { ...filtered(state, ''), isFiltering: false };
    case 'enter':
    case 'tab':
      return { ...state, isFiltering: false };
    default:
      return undefined;
  }
}

function filtered(state: TopState, filter: string): TopState {
  return { ...state, filter, cursors: { peers: 0, indexers: 0, pulls: 0, events: 0 } };
}

function switched(state: TopState, by: number): TopState {
  const index = (PANES.indexOf(state.pane) + by + PANES.length) % PANES.length;
  return { ...state, pane: PANES[index] as Pane };
}

function moved(state: TopState, { kind }: Key, rows: number, page: number): TopState {
  const now = state.cursors[state.pane];
  const steps: Readonly<Partial<Record<Key['kind'], number>>> = {
    up: now - 1,
    down: now + 1,
    'page-up': now - page,
    'page-down': now + page,
    home: 0,
    end: rows - 1,
  };
  const wanted = steps[kind];
  if (wanted === undefined) return state;
  const cursor = Math.max(0, Math.min(wanted, rows - 1));
  return { ...state, cursors: { ...state.cursors, [state.pane]: cursor } };
}
