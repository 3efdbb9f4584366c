/** Where in the page one is, as the part of the address after `#`: every view can be linked. */

import type { PeerRole, PeerState } from '../../src/protocol/fleet-view.ts';

export const VIEWS = ['fleet', 'trust', 'pulls', 'rates', 'durability', 'events'] as const;
export type View = (typeof VIEWS)[number];

export const ROLES: readonly PeerRole[] = ['registry', 'indexer', 'node', 'mirror', 'origin'];
export const STATES: readonly PeerState[] = ['online', 'stale', 'unreachable', 'gone'];
export const SORT_KEYS = ['name', 'role', 'state', 'networks', 'seen'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** What of the peers is listed, and how. */
export interface PeerQuery {
  readonly text: string;
  readonly role: PeerRole | undefined;
  readonly state: PeerState | undefined;
  readonly sort: SortKey;
  readonly isDescending: boolean;
}

export interface Route {
  readonly view: View;
  /** Of the view: an indexer, a digest. */
  readonly item: string | undefined;
  /** The peer whose details are open. */
  readonly peer: string | undefined;
  readonly query: PeerQuery;
}

export const EVERY_PEER: PeerQuery = {
  text: '',
  role: undefined,
  state: undefined,
  sort: 'name',
  isDescending: false,
};

/** Reads a hash. Whatever it does not understand is left out; it never throws. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').slice(0, 4_000).split('?', 2);
  const [view = '', item] = path.split('/', 2);
  const values = new URLSearchParams(search);
  const sort = values.get('sort') ?? '';
  return {
    view: oneOf(VIEWS, view) ?? 'fleet',
    item: item === undefined || item === '' ? undefined : decoded(item),
    peer: values.get('peer') ?? undefined,
    query: {
      text: values.get('q') ?? '',
      role: oneOf(ROLES, values.get('role') ?? ''),
      state: oneOf(STATES, values.get('state') ?? ''),
      sort: oneOf(SORT_KEYS, sort.replace(/^-/, '')) ?? 'name',
      isDescending: sort.startsWith('-'),
    },
  };
}

/** The hash of a route; `parseRoute` gives the same route back. */
export function formatRoute({ view, item, peer, query }: Route): string {
  const values = new URLSearchParams();
  if (query.text !== '') values.set('q', query.text);
  if (query.role !== undefined) values.set('role', query.role);
  if (query.state !== undefined) values.set('state', query.state);
  if (query.sort !== 'name' || query.isDescending)
    values.set('sort', `${query.isDescending ? '-' : ''}${query.sort}`);
  if (peer !== undefined) values.set('peer', peer);
  const search = values.toString();
  const path = item === undefined ? view : `${view}/${encodeURIComponent(item.toWellFormed())}`;
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

function oneOf<T extends string>(values: readonly T[], value: string): T | undefined {
  return values.find((each) => each === value);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
