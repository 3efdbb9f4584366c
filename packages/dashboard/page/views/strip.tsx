import type { ComponentChildren, JSX } from 'preact';
import type { PeerRole } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { age, ago, bytes, count, plural, share } from '../model/format.ts';
import type { StateCounts } from '../model/peer-index.ts';
import { totalsOf } from '../model/pulls.ts';
import { EVERY_PEER, formatRoute, type Route } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { usePage } from './context.tsx';
import { RoleMark } from './parts.tsx';

/** The fleet in one line of figures; each leads to where it comes from. */
export function Strip(): JSX.Element {
  return (
    <div class="strip" role="group" aria-label="Overview">
      <Peers role="node" title="Nodes" />
      <Peers role="indexer" title="Indexers" />
      <Peers role="mirror" title="Mirrors" />
      <Origin />
      <Durability />
      <Sources />
    </div>
  );
}

function Figure({
  href,
  title,
  value,
  note,
  isBad = false,
}: {
  readonly href: string;
  readonly title: ComponentChildren;
  readonly value: string;
  readonly note: ComponentChildren;
  readonly isBad?: boolean;
}): JSX.Element {
  return (
    <a class={isBad ? 'figure is-bad' : 'figure'} href={href}>
      <span class="figure-title">{title}</span>
      <span class="figure-value">{value}</span>
      <span class="figure-note">{note}</span>
    </a>
  );
}

function to(view: Route['view'], query = EVERY_PEER): string {
  return formatRoute({ view, item: undefined, peer: undefined, query });
}

function Peers({ role, title }: { readonly role: PeerRole; readonly title: string }): JSX.Element {
  const { store } = usePage();
  useStore(store, ({ index }) => index.version);
  const counts = store.index.counts(role);
  const total = counts.online + counts.stale + counts.unreachable + counts.gone;
  return (
    <Figure
      href={to('fleet', { ...EVERY_PEER, role })}
      title={
        <>
          <RoleMark role={role} /> {title}
        </>
      }
      value={`${count(counts.online)} / ${count(total)}`}
      note={stateNote(counts, total)}
      isBad={counts.unreachable + counts.gone > 0}
    />
  );
}

function stateNote(counts: StateCounts, total: number): string {
  if (total === 0) return 'none yet';
  const others = (['stale', 'unreachable', 'gone'] as const).flatMap((state) =>
    counts[state] === 0 ? [] : [`${count(counts[state])} ${state}`],
  );
  return others.length === 0 ? 'all online' : `online; ${others.join(', ')}`;
}

function Origin(): JSX.Element {
  const { store } = usePage();
  const pulls = useStore(store, ({ live }) => live.fleet?.pulls);
  const totals = totalsOf(pulls?.values() ?? []);
  const saved = totals.peers + totals.cache;
  return (
    <Figure
      href={to('pulls')}
      title="Origin reads"
      value={count(totals.originReads)}
      note={
        totals.pulls === 0
          ? 'nothing pulled yet'
          : `${plural(totals.pulls, 'pull')} of ${plural(totals.objects, 'object')}; ${bytes(saved)} saved (${share(saved, saved + totals.origin)})`
      }
    />
  );
}

/** Modes in which what was answered may be lost. */
const UNSAFE_MODES = new Set(['async', 'memory']);

function Durability(): JSX.Element {
  const { store } = usePage();
  const durability = useStore(store, ({ live }) => live.fleet?.durability);
  const now = useNow(store);
  if (durability === undefined)
    return <Figure href={to('durability')} title="Durable" value="–" note="no registry is asked" />;
  const lag = durability.appliedSeq - durability.durableSeq;
  return (
    <Figure
      href={to('durability')}
      title="Durable"
      value={lag > 0 ? `${count(lag)} behind` : UNSAFE_MODES.has(durability.mode) ? 'not safe' : 'yes'}
      note={`${shown(durability.mode, 20)}; last sync ${ago(durability.lastSyncAt, now)}`}
      isBad={UNSAFE_MODES.has(durability.mode)}
    />
  );
}

function Sources(): JSX.Element {
  const { store } = usePage();
  const sources = useStore(store, ({ live }) => live.fleet?.sources);
  const now = useNow(store);
  const list = [...(sources?.values() ?? [])];
  const failed = list.filter(({ state }) => state === 'failed');
  const oldest = failed.reduce((since, source) => Math.min(since, source.since), now);
  return (
    <Figure
      href={to('durability')}
      title="Sources"
      value={`${count(list.length - failed.length)} / ${count(list.length)}`}
      note={sourcesNote(list.length, failed.length, now - oldest)}
      isBad={failed.length > 0}
    />
  );
}

function sourcesNote(all: number, failed: number, silentMs: number): string {
  if (all === 0) return 'none is asked';
  return failed === 0 ? 'all answer' : `${count(failed)} silent for ${age(silentMs)}`;
}
