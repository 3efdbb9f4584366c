/** The addresses of the status endpoint. The reference page is made from this table. */

import type { ServerResponse } from 'node:http';
import { METRICS_CONTENT_TYPE } from '@muster/core';
import type { SearchLog } from '../observability/search-log.ts';
import { isPeerId } from '../wire/addresses.ts';
import { statusErrors } from './errors.ts';
import type { EventStream } from './event-stream.ts';
import { DEFAULT_LISTED_NODES, MAX_LISTED_NODES } from './limits.ts';
import type { QuerySlots } from './query-slots.ts';
import { streamSearch } from './search-stream.ts';
import type { StatusSource } from './status-source.ts';
import { bansView, indexerView, peerView, poolView, scoreView, searchView, statusView } from './views.ts';

/** What a route answers from. */
export interface RouteContext {
  readonly source: StatusSource;
  readonly searches: SearchLog;
  readonly events: EventStream;
  readonly queries: QuerySlots;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** The part of the address after the route's own. */
  readonly rest: string;
  readonly lastEventId: string | undefined;
  /** Aborted when the caller has gone, or the endpoint stops. */
  readonly signal: AbortSignal;
}

/** An answer that is sent in one piece. */
export interface Reply {
  readonly status?: number;
  readonly body: object | string;
  readonly contentType?: string;
}

export interface Route {
  /** `/scores/:peer` takes the rest of the address. */
  readonly path: string;
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** The answer goes on after the head, so that HEAD makes no sense. */
  readonly isStream?: boolean;
  /** Undefined: the handler has written, or will write, the response itself. */
  handle(context: RouteContext): Promise<Reply | undefined> | Reply | undefined;
}

export const STATUS_ROUTES: readonly Route[] = [
  {
    path: '/status',
    summary: 'Roles, peer id, DID, addresses, readiness, pool and indexer in one.',
    handle: ({ source }) => ({ body: statusView(source) }),
  },
  {
    path: '/pool',
    summary:
      'The indexers that this process sends heartbeats to, with scores and terms; who is in quarantine.',
    handle: ({ source }) => ({ body: poolView(source) }),
  },
  {
    path: '/indexer',
    summary: 'The nodes of this indexer, its fill, bans, suggestions.',
    parameters: {
      limit: `most nodes to list; ${DEFAULT_LISTED_NODES} unless given, at most ${MAX_LISTED_NODES}`,
    },
    handle: ({ source, query }) => ({ body: indexerView(source, limitOf(query)) }),
  },
  {
    path: '/scores/:peer',
    summary: 'The score of an indexer of the pool, term by term, with its evidence and what would evict it.',
    handle: ({ source, rest }) => ({ body: scoreView(source, rest) }),
  },
  {
    path: '/bans',
    summary: 'Who is banned by this indexer, in quarantine, or blacklisted.',
    handle: ({ source }) => ({ body: bansView(source) }),
  },
  {
    path: '/searches',
    summary: 'Searches that run, and the last that ended; never what was searched for.',
    handle: ({ searches }) => ({
      body: { running: searches.running.map(searchView), ended: searches.ended.map(searchView) },
    }),
  },
  {
    path: '/peers/:peer',
    summary: 'Looks a peer up by its id or DID, with its signed record.',
    handle: async ({ source, rest, queries }) => {
      const peer = needleOf(rest);
      return await queries.run(async () => ({ body: peerView(source, await source.lookup(peer)) }));
    },
  },
  {
    path: '/search',
    isStream: true,
    summary:
      'Searches for peers. Sends one JSON object a line as hits arrive, `{"hit":{…}}`, and at the end `{"end":{"reason":…,"hits":…,"ms":…}}`; ends when the caller goes.',
    parameters: { name: 'peer id, DID, or a part of the name of at least 2 characters' },
    handle: async (context) => {
      const needle = needleOf(context.query.get('name') ?? '');
      const { searchNameMinChars } = context.source.context.constants;
      if (needle.length < searchNameMinChars && !isPeerId(needle)) {
        throw statusErrors.create('bad_request', `a name has at least ${searchNameMinChars} characters`);
      }
      await context.queries.run(async () => await streamSearch(context, needle));
      return undefined;
    },
  },
  {
    path: '/events',
    isStream: true,
    summary:
      'What happens, as server-sent events with ids; a reader that comes back with `Last-Event-ID` gets what it missed, or an event `gap`. Readers that are too slow are cut off.',
    parameters: { topics: 'comma-separated, such as `pool.*,score.updated`; all unless given' },
    handle: ({ events, response, query, lastEventId }) => {
      const topics = (query.get('topics') ?? '').split(',').filter((topic) => topic !== '');
      events.add(response, topics, lastEventId);
      return undefined;
    },
  },
  {
    path: '/metrics',
    summary: 'Prometheus text 0.0.4.',
    handle: async ({ source }) => ({
      body: await source.renderMetrics(),
      contentType: METRICS_CONTENT_TYPE,
    }),
  },
  {
    path: '/healthz',
    summary: 'Whether the process lives.',
    handle: () => ({ body: { status: 'ok' } }),
  },
  {
    path: '/readyz',
    summary: 'Whether it does what its roles ask for: 200, or 503 with the reasons.',
    handle: ({ source }) =>
      source.isReady
        ? { body: { ready: true } }
        : { status: 503, body: { ready: false, reasons: source.notReadyReasons() } },
  },
];

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return DEFAULT_LISTED_NODES;
  if (/^\d{1,6}$/.test(text) && Number(text) <= MAX_LISTED_NODES) return Number(text);
  throw statusErrors.create('bad_request', `limit is a number up to ${MAX_LISTED_NODES}`);
}

function needleOf(text: string): string {
  const needle = text.trim();
  if (needle !== '' && needle.length <= 256) return needle;
  throw statusErrors.create('bad_request', 'say what to look for, in at most 256 characters');
}

/** The route of a path with what follows it; undefined when there is none. */
export function routeOf(path: string): { readonly route: Route; readonly rest: string } | undefined {
  for (const route of STATUS_ROUTES) {
    const colon = route.path.indexOf(':');
    if (colon === -1) {
      if (path === route.path) return { route, rest: '' };
      continue;
    }
    const prefix = route.path.slice(0, colon);
    const rest = path.slice(prefix.length);
    if (path.startsWith(prefix) && rest !== '' && !rest.includes('/')) return { route, rest };
  }
  return undefined;
}
