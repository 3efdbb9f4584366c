import type { ComponentChildren, JSX } from 'preact';
import type { PeerRole, PeerState } from '../../src/protocol/fleet-view.ts';
import { absolute, ago } from '../model/format.ts';
import { shortId, shown } from '../model/text.ts';
import { useStore } from '../browser/store.ts';
import { peerHref, usePage } from './context.tsx';

/** Text of somebody else's: as it is, but harmless, and never turning what stands around it. */
export function Foreign({ text, limit }: { readonly text: string; readonly limit?: number }): JSX.Element {
  return <bdi>{shown(text, limit)}</bdi>;
}

const ROLE_PATHS: Readonly<Record<PeerRole, JSX.Element>> = {
  registry: <rect x="2" y="2" width="10" height="10" />,
  indexer: <path d="M7 .8 13.2 7 7 13.2 .8 7z" />,
  node: <circle cx="7" cy="7" r="5.5" />,
  mirror: <path d="M7 1.2 13.2 12.300H.8z" />,
  origin: <path d="M4 1.600h6L13.2 7 10 12.400H4L.8 7z" />,
};

/** The same forms as on the map. */
export function RoleMark({ role }: { readonly role: PeerRole }): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 14 14" width="12" height="12" aria-hidden="true">
      {ROLE_PATHS[role] ?? ROLE_PATHS.node}
    </svg>
  );
}

export function Role({ role }: { readonly role: PeerRole }): JSX.Element {
  return (
    <span class="role">
      <RoleMark role={role} />
      {role}
    </span>
  );
}

const STATE_MARKS: Readonly<Record<PeerState, JSX.Element>> = {
  online: <circle cx="6" cy="6" r="5" />,
  stale: (
    <path d="M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zm0 1.500a3.5 3.5 0 0 1 3.5 3.500h-7A3.5 3.5 0 0 1 6 2.500z" />
  ),
  unreachable: <path d="M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zm0 1.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z" />,
  gone: <path d="m2 3.1 1.1-1.100L6 4.9 8.9 2 10 3.1 7.1 6 10 8.9 8.9 10 6 7.1 3.1 10 2 8.9 4.9 6z" />,
};

/** What a state means, for who points at it. */
export const STATE_MEANINGS: Readonly<Record<PeerState, string>> = {
  online: 'answers, or was heard of just now',
  stale: 'was not heard of for longer than it should be',
  unreachable: 'who should know does not answer: what is shown is old',
  gone: 'has left, or is dead',
};

/** Mark, colour and word: none of them says it alone. */
export function State({ state }: { readonly state: PeerState }): JSX.Element {
  return (
    <span class={`state state-${state in STATE_MARKS ? state : 'gone'}`} title={STATE_MEANINGS[state]}>
      <svg class="mark" viewBox="0 0 12 12" width="11" height="11" aria-hidden="true">
        {STATE_MARKS[state] ?? STATE_MARKS.gone}
      </svg>
      {shown(state, 20)}
    </span>
  );
}

/** `4 s ago`, with the full time for who points at it and for programs. */
export function Ago({ at, now }: { readonly at: number | undefined; readonly now: number }): JSX.Element {
  if (at === undefined) return <span class="muted">never</span>;
  const isTime = !Number.isNaN(new Date(at).getTime());
  return (
    <time dateTime={isTime ? new Date(at).toISOString() : undefined} title={absolute(at)}>
      {ago(at, now)}
    </time>
  );
}

/** Opens the details of a peer; its name when it is known. */
export function PeerLink({ id }: { readonly id: string }): JSX.Element {
  const { store, route } = usePage();
  const peer = useStore(store, ({ live }) => live.fleet?.peers.get(id));
  if (peer === undefined) return <code title={shown(id)}>{shortId(id)}</code>;
  return (
    <a class="peer-link" href={peerHref(route, id)}>
      <Foreign text={peer.name} limit={60} />
    </a>
  );
}

/** A heading with what belongs to it. */
export function Section({
  title,
  note,
  class: extra = '',
  children,
}: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return (
    <section class={`panel ${extra}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {note === undefined ? null : <span class="muted">{note}</span>}
      </header>
      {children}
    </section>
  );
}

/** Nothing is there yet: says so, and what to do. */
export function Nothing({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="nothing">
      <p class="nothing-title">{title}</p>
      {children}
    </div>
  );
}

/** A bar of parts, with its words beside it: the bar itself is not read out. */
export function PartsBar({
  parts,
  total,
}: {
  readonly parts: readonly { readonly kind: string; readonly value: number }[];
  readonly total: number;
}): JSX.Element {
  const whole = Math.max(
    total,
    parts.reduce((sum, { value }) => sum + value, 0),
    1,
  );
  return (
    <span class="parts-bar" aria-hidden="true">
      {parts.map(({ kind, value }) =>
        value > 0 ? (
          <span key={kind} class={`part part-${kind}`} style={{ width: `${(100 * value) / whole}%` }} />
        ) : null,
      )}
    </span>
  );
}
