import { Component, type ComponentChildren, type JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Connection } from '../browser/connection.ts';
import { type Store, useNow, useStore } from '../browser/store.ts';
import { chooseTheme, type ThemeChoice, themeChoice } from '../browser/theme.ts';
import { announce, SILENT } from '../model/announcer.ts';
import { absolute, age } from '../model/format.ts';
import { type LinkState, PROTOCOL } from '../model/live.ts';
import { EVERY_PEER, formatRoute, type View } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { PageContext, usePage, useRoute } from './context.tsx';
import { DurabilityPage } from './durability.tsx';
import { EventsPage } from './events.tsx';
import { FleetPage } from './fleet.tsx';
import { Foreign, Nothing } from './parts.tsx';
import { PeerPanel } from './peer-panel.tsx';
import { PullsPage } from './pulls.tsx';
import { RatesPage } from './rates.tsx';
import { Strip } from './strip.tsx';
import { TrustPage } from './trust.tsx';

const TABS: readonly { readonly view: View; readonly title: string }[] = [
  { view: 'fleet', title: 'Fleet' },
  { view: 'trust', title: 'Trust' },
  { view: 'pulls', title: 'Pulls' },
  { view: 'rates', title: 'Rates' },
  { view: 'durability', title: 'Durability' },
  { view: 'events', title: 'Events' },
];

/** The whole page. */
export function App({
  store,
  connection,
}: {
  readonly store: Store;
  readonly connection: Connection;
}): JSX.Element {
  const route = useRoute();
  const page = useMemo(
    () => ({ store, route, retryNow: () => connection.retryNow() }),
    [store, route, connection],
  );
  return (
    <PageContext.Provider value={page}>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to content
      </a>
      <Header />
      <Notice />
      <Body />
      <Spoken />
    </PageContext.Provider>
  );
}

function skipToMain(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('main')?.focus();
}

function Header(): JSX.Element {
  const { store, route } = usePage();
  const title = useStore(store, ({ live }) => live.fleet?.title);
  const version = useStore(store, ({ live }) => live.fleet?.version);
  useEffect(() => {
    const view = TABS.find((tab) => tab.view === route.view)?.title ?? '';
    document.title = title === undefined ? 'Muster' : `${view} · ${shown(title, 60)} · Muster`;
  }, [title, route.view]);
  return (
    <header class="top">
      <h1>
        <img src="./icon.svg" alt="" width="22" height="22" />
        Muster
        {title === undefined ? null : (
          <span class="fleet-title">
            <Foreign text={title} limit={60} />
          </span>
        )}
      </h1>
      <nav aria-label="Views">
        {TABS.map((tab) => (
          <a
            key={tab.view}
            href={formatRoute({ view: tab.view, item: undefined, peer: undefined, query: EVERY_PEER })}
            aria-current={tab.view === route.view ? 'page' : undefined}
          >
            {tab.title}
          </a>
        ))}
      </nav>
      <span class="top-end">
        {version === undefined ? null : (
          <span class="muted version">
            <Foreign text={version} limit={20} />
          </span>
        )}
        <LinkBadge />
        <ThemeSwitch />
      </span>
    </header>
  );
}

const LINK_WORDS: Readonly<Record<LinkState['phase'], string>> = {
  connecting: 'connecting',
  live: 'live',
  waiting: 'disconnected',
  mismatch: 'other version',
};

function LinkBadge(): JSX.Element {
  const { store } = usePage();
  const phase = useStore(store, ({ live }) => live.link.phase);
  return (
    <span class={`link link-${phase}`} role="status">
      <span class="link-dot" aria-hidden="true" />
      {LINK_WORDS[phase]}
    </span>
  );
}

function ThemeSwitch(): JSX.Element {
  const [choice, setChoice] = useState(themeChoice);
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select
        value={choice}
        onChange={(event) => {
          const next = event.currentTarget.value as ThemeChoice;
          chooseTheme(next);
          setChoice(next);
        }}
      >
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  );
}

/** What is wrong with the connection, in words, with what is being done about it. */
function Notice(): JSX.Element | null {
  const { store, retryNow } = usePage();
  const link = useStore(store, ({ live }) => live.link);
  const isEmpty = useStore(store, ({ live }) => live.fleet === undefined);
  if (link.phase === 'mismatch') {
    return (
      <div class="notice notice-error" role="alert">
        The page server speaks protocol {shown(link.theirs, 40)}; this page reads {PROTOCOL}. Reload the page;
        when that does not help, the two are from different versions of Muster.
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  }
  if (link.phase !== 'waiting') return null;
  return (
    <div class="notice notice-warning">
      <span role="alert">Not connected: {link.problem}.</span> <Waiting link={link} isEmpty={isEmpty} />
      <button type="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}

function Waiting({
  link,
  isEmpty,
}: {
  readonly link: Extract<LinkState, { phase: 'waiting' }>;
  readonly isEmpty: boolean;
}): JSX.Element {
  const { store } = usePage();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const shownAt = store.live.fleet?.at;
  return (
    <span>
      {isEmpty || shownAt === undefined
        ? ''
        : `What is shown is from ${absolute(shownAt)}, ${age(now - link.since)} old. `}
      Attempt {link.attempt + 1} in {Math.max(0, Math.ceil((link.retryAt - now) / 1000))} s.
    </span>
  );
}

function Body(): JSX.Element {
  const { store, route } = usePage();
  const isEmpty = useStore(store, ({ live }) => live.fleet === undefined);
  const phase = useStore(store, ({ live }) => live.link.phase);
  if (isEmpty) {
    return (
      <main id="main" tabIndex={-1} aria-busy={phase === 'connecting'}>
        {phase === 'connecting' ? (
          <Nothing title="Loading the fleet…" />
        ) : (
          <Nothing title="Nothing to show yet.">
            <p>
              The page is served by <code>muster dev</code> or <code>muster page serve</code>. When it has
              ended, start it again: this page goes on by itself. <code>muster doctor</code> says what else
              may be wrong.
            </p>
          </Nothing>
        )}
      </main>
    );
  }
  return (
    <main id="main" tabIndex={-1} class={phase === 'live' ? '' : 'is-old'}>
      <Guard key={route.view}>
        <Strip />
        <Current view={route.view} />
        {route.peer === undefined ? null : <PeerPanel key={route.peer} id={route.peer} />}
      </Guard>
    </main>
  );
}

function Current({ view }: { readonly view: View }): JSX.Element {
  switch (view) {
    case 'fleet':
      return <FleetPage />;
    case 'trust':
      return <TrustPage />;
    case 'pulls':
      return <PullsPage />;
    case 'rates':
      return <RatesPage />;
    case 'durability':
      return <DurabilityPage />;
    case 'events':
      return <EventsPage />;
    default:
      return view satisfies never;
  }
}

/** A view that fails says so, and leaves the others alone. */
class Guard extends Component<{ readonly children: ComponentChildren }, { readonly problem?: string }> {
  static override getDerivedStateFromError(error: unknown): { readonly problem: string } {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ComponentChildren {
    if (this.state.problem === undefined) return this.props.children;
    return (
      <div role="alert">
        <Nothing title="This view failed.">
          <p>
            <code>{shown(this.state.problem)}</code>
          </p>
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </Nothing>
      </div>
    );
  }
}

/** Speaks warnings and errors to screen readers, now and then. */
function Spoken(): JSX.Element {
  const { store } = usePage();
  const [text, setText] = useState('');
  const announcer = useRef(SILENT);
  const happenings = useStore(store, ({ live }) => live.fleet?.happenings);
  const now = useNow(store);
  useEffect(() => {
    if (happenings === undefined) return;
    const next = announce(announcer.current, happenings, Date.now());
    announcer.current = next.announcer;
    if (next.text !== undefined) setText(next.text);
  }, [happenings, now]);
  return (
    <p class="hidden" role="log" aria-live="polite">
      {text}
    </p>
  );
}
