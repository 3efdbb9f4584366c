import { Component, type JSX, type RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { PeerRole, PeerState, PeerView } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { absolute, ago, count, plural } from '../model/format.ts';
import { mainRole } from '../model/peer-index.ts';
import { EVERY_PEER, type PeerQuery, ROLES, type SortKey, STATES } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { go, replaceQuery, usePage } from './context.tsx';
import { Foreign, Nothing, Role, Section, State } from './parts.tsx';

/** Pixels; the style sheet has the same. */
const ROW_HEIGHT = 30;
/** Rows beyond the edges that are drawn, so that scrolling shows no gaps. */
const SPARE_ROWS = 6;
const MAX_TAGS = 6;
const MAX_NAME = 120;
const SPOKEN_AFTER_MS = 700;

const COLUMNS: readonly { readonly key: SortKey | 'tags'; readonly title: string }[] = [
  { key: 'name', title: 'Name' },
  { key: 'role', title: 'Role' },
  { key: 'state', title: 'State' },
  { key: 'seen', title: 'Last seen' },
  { key: 'networks', title: 'Networks' },
  { key: 'tags', title: 'Tags' },
];

/** All peers, searched, filtered and sorted; only the rows that are in sight exist. */
export function PeerTable(): JSX.Element {
  const { store, route } = usePage();
  store.index.setQuery(route.query);
  useStore(store, ({ index }) => index.version);
  const { index, live } = store;
  const unlisted = live.fleet?.unlistedPeers ?? 0;
  const found = `${count(index.matching)} of ${plural(index.size, 'peer')}`;
  return (
    <Section
      title="Peers"
      class="peers"
      note={
        <>
          {found}
          {unlisted > 0 ? `, ${count(unlisted)} more are not listed` : ''}
        </>
      }
    >
      <SpokenMatches query={route.query} found={found} />
      <Filters query={route.query} />
      {index.size === 0 ? (
        <NoPeers />
      ) : index.matching === 0 ? (
        <Nothing title="No peer matches.">
          <button type="button" onClick={() => replaceQuery(route, EVERY_PEER)}>
            Show all
          </button>
        </Nothing>
      ) : (
        <Grid total={index.matching} />
      )}
    </Section>
  );
}

/** Speaks how many peers match when a search has ended, not each time that the fleet changes. */
function SpokenMatches({ query, found }: { readonly query: PeerQuery; readonly found: string }): JSX.Element {
  const [spoken, setSpoken] = useState('');
  const latest = useRef(found);
  latest.current = found;
  useEffect(() => {
    const timer = setTimeout(() => setSpoken(latest.current), SPOKEN_AFTER_MS);
    return () => clearTimeout(timer);
  }, [query.text, query.role, query.state]);
  return (
    <p class="hidden" role="status">
      {spoken}
    </p>
  );
}

function NoPeers(): JSX.Element {
  return (
    <Nothing title="No peers yet.">
      <p>
        A peer appears here when it registers or when the overlay meets it. Start a small fleet with{' '}
        <code>npm start</code>, or let a node join from another terminal with the join line that{' '}
        <code>muster dev</code> prints. <code>muster doctor</code> says what is in the way.
      </p>
    </Nothing>
  );
}

function Filters({ query }: { readonly query: PeerQuery }): JSX.Element {
  const { route } = usePage();
  const change = (part: Partial<PeerQuery>): void => replaceQuery(route, { ...query, ...part });
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="search">
        <span class="label">Search</span>
        <input
          type="search"
          value={query.text}
          placeholder="name, id, address, tag:zone-a, net:2"
          autocomplete="off"
          spellcheck={false}
          maxLength={500}
          onInput={(event) => change({ text: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="label">Role</span>
        <select
          value={query.role ?? ''}
          onChange={(event) =>
            change({ role: (event.currentTarget.value || undefined) as PeerRole | undefined })
          }
        >
          <option value="">all</option>
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {role}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="label">State</span>
        <select
          value={query.state ?? ''}
          onChange={(event) =>
            change({ state: (event.currentTarget.value || undefined) as PeerState | undefined })
          }
        >
          <option value="">all</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {state}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}

function Grid({ total }: { readonly total: number }): JSX.Element {
  const { store, route } = usePage();
  const now = useNow(store);
  const { scroller, first, last, pool, entry, setActive, setTop, onKeyDown } = useRows(total);
  const rows = store.index.rows(first, last);
  const onChoose = (event: Event): void => {
    const row = event.target instanceof Element ? event.target.closest('[aria-rowindex]') : null;
    const index = Number(row?.getAttribute('aria-rowindex')) - 2;
    const [peer] = row === null ? [] : store.index.rows(index, index + 1);
    if (peer === undefined) return;
    setActive(index);
    go({ ...route, peer: peer.id });
  };
  return (
    <div
      class="grid"
      role="grid"
      aria-label="Peers"
      aria-rowcount={total + 1}
      aria-colcount={COLUMNS.length}
      ref={scroller}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={(event) => {
        const isOnRow = event.target instanceof Element && event.target.matches('.grid-body [role="row"]');
        if (isOnRow && (event.key === 'Enter' || event.key === ' ')) {
          event.preventDefault();
          onChoose(event);
        } else onKeyDown(event);
      }}
    >
      <Head query={route.query} />
      <div class="grid-body" role="rowgroup" style={{ height: `${total * ROW_HEIGHT}px` }} onClick={onChoose}>
        {rows.map((peer, offset) => {
          const index = first + offset;
          return (
            <Row
              // Elements are used again for other peers: making new ones is what costs when rows move.
              key={index % pool}
              peer={peer}
              index={index}
              isEntry={index === entry}
              isChosen={route.peer === peer.id}
              seen={peer.lastSeenAt === undefined ? '–' : ago(peer.lastSeenAt, now)}
            />
          );
        })}
      </div>
    </div>
  );
}

/** Which rows are in sight, and which of them the keyboard is at. */
interface Rows {
  readonly scroller: RefObject<HTMLDivElement | null>;
  /** The rows to draw: from `first` up to and without `last`. */
  readonly first: number;
  readonly last: number;
  /** At least as many as there are rows to draw, and the same until the size of the list changes. */
  readonly pool: number;
  /** Where the tab key enters: the active row, or the first in sight when that is far away. */
  readonly entry: number;
  readonly setActive: (row: number) => void;
  readonly setTop: (pixels: number) => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

function useRows(total: number): Rows {
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [active, setActive] = useState(0);
  /** The row that is to have the focus as soon as it is drawn. */
  const wanted = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const current = Math.min(active, total - 1);
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(total, Math.ceil((top + height) / ROW_HEIGHT) + SPARE_ROWS);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[aria-rowindex="${wanted.current + 2}"]`);
    if (row === null || row === undefined) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 2);
    const next = rowOfKey(event.key, { current, page, total });
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.target instanceof HTMLElement) || event.target.closest('[role="row"][tabindex]') === null)
      return;
    event.preventDefault();
    const target = Math.min(total - 1, Math.max(0, next));
    wanted.current = target;
    setActive(target);
    if (scroller.current !== null) setTop(scrollTo(scroller.current, target));
  };
  const entry = current >= first && current < last ? current : Math.floor(top / ROW_HEIGHT);
  const pool = Math.ceil(height / ROW_HEIGHT) + 2 * SPARE_ROWS + 2;
  return { scroller, first, last, pool, entry, setActive, setTop, onKeyDown };
}

/** Scrolls as little as shows the row whole; returns how far it is scrolled then. */
function scrollTo(element: HTMLElement, row: number): number {
  // The head covers one row.
  const room = element.clientHeight - ROW_HEIGHT;
  if (row * ROW_HEIGHT < element.scrollTop) element.scrollTop = row * ROW_HEIGHT;
  else if ((row + 1) * ROW_HEIGHT > element.scrollTop + room)
    element.scrollTop = (row + 1) * ROW_HEIGHT - room;
  return element.scrollTop;
}

function rowOfKey(
  key: string,
  { current, page, total }: { readonly current: number; readonly page: number; readonly total: number },
): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return current + 1;
    case 'ArrowUp':
      return current - 1;
    case 'PageDown':
      return current + page;
    case 'PageUp':
      return current - page;
    case 'Home':
      return 0;
    case 'End':
      return total - 1;
    default:
      return undefined;
  }
}

function Head({ query }: { readonly query: PeerQuery }): JSX.Element {
  const { route } = usePage();
  const sortBy = (key: SortKey): void =>
    replaceQuery(route, {
      ...query,
      sort: key,
      // Who sorts by time wants the latest first.
      isDescending: query.sort === key ? !query.isDescending : key === 'seen',
    });
  return (
    <div class="grid-row grid-head" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ key, title }) => (
        <span
          key={key}
          role="columnheader"
          class={`cell cell-${key}`}
          aria-sort={query.sort === key ? (query.isDescending ? 'descending' : 'ascending') : undefined}
        >
          {key === 'tags' ? (
            title
          ) : (
            <button type="button" class="sort" onClick={() => sortBy(key)}>
              {title}
              <span aria-hidden="true">{query.sort === key ? (query.isDescending ? ' ▾' : ' ▴') : ''}</span>
            </button>
          )}
        </span>
      ))}
    </div>
  );
}

interface RowProps {
  readonly peer: PeerView;
  readonly index: number;
  readonly isEntry: boolean;
  readonly isChosen: boolean;
  /** When it was seen last, in words. */
  readonly seen: string;
}

/** One peer; drawn again only when something of it has changed. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (
      next.peer !== now.peer ||
      next.index !== now.index ||
      next.isEntry !== now.isEntry ||
      next.isChosen !== now.isChosen ||
      next.seen !== now.seen
    );
  }

  override render({ peer, index, isEntry, isChosen, seen }: RowProps): JSX.Element {
    const name = shown(peer.name, MAX_NAME);
    const at = peer.lastSeenAt;
    return (
      <div
        class="grid-row"
        role="row"
        aria-rowindex={index + 2}
        aria-selected={isChosen}
        tabIndex={isEntry ? 0 : -1}
        style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      >
        <span role="gridcell" class="cell cell-name" title={name}>
          <bdi>{name}</bdi>
        </span>
        <span role="gridcell" class="cell cell-role">
          <Role role={mainRole(peer)} />
        </span>
        <span role="gridcell" class="cell cell-state">
          <State state={peer.state} />
        </span>
        <span role="gridcell" class="cell cell-seen" title={at === undefined ? undefined : absolute(at)}>
          {seen}
        </span>
        <span role="gridcell" class="cell cell-networks">
          {peer.networks.slice(0, 8).join(', ') || '–'}
        </span>
        <span role="gridcell" class="cell cell-tags">
          <Tags tags={peer.tags} />
        </span>
      </div>
    );
  }
}

function Tags({ tags }: { readonly tags: readonly string[] }): JSX.Element {
  // The role has a column of its own.
  const shownTags = tags.filter((tag) => !(ROLES as readonly string[]).includes(tag));
  return (
    <>
      {shownTags.slice(0, MAX_TAGS).map((tag, position) => (
        <span key={position} class="tag">
          <Foreign text={tag} limit={32} />
        </span>
      ))}
      {shownTags.length > MAX_TAGS ? <span class="muted">+{shownTags.length - MAX_TAGS}</span> : null}
    </>
  );
}
