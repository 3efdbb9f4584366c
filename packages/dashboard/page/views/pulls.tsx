import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { pullsNewestFirst } from '../../src/protocol/apply-delta.ts';
import type { PullView } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { bytes, count, duration, plural, share } from '../model/format.ts';
import {
  bytesOf,
  type DigestGroup,
  groupPulls,
  type PullTotals,
  type SourceBytes,
  totalsOf,
} from '../model/pulls.ts';
import { formatRoute } from '../model/route.ts';
import { shortDigest, shown } from '../model/text.ts';
import { usePage } from './context.tsx';
import { Ago, Foreign, Nothing, PartsBar, PeerLink, Section } from './parts.tsx';

const GROUPS_SHOWN = 100;
const PULLS_SHOWN = 60;

/** Who pulled what, and where each byte came from. */
export function PullsPage(): JSX.Element {
  const { store } = usePage();
  const pulls = useStore(store, ({ live }) => live.fleet?.pulls);
  const groups = useMemo(() => (pulls === undefined ? [] : groupPulls(pullsNewestFirst({ pulls }))), [pulls]);
  const totals = useMemo(() => totalsOf(pulls?.values() ?? []), [pulls]);
  if (groups.length === 0) {
    return (
      <Section title="Pulls">
        <Nothing title="Nothing was pulled yet.">
          <p>
            Ask a mirror for an image as you would ask its registry, or let all of them ask at once:{' '}
            <code>muster demo pull</code>.
          </p>
        </Nothing>
      </Section>
    );
  }
  return (
    <>
      <Section title="Where bytes came from" note={`the last ${plural(totals.pulls, 'pull')}`}>
        <Totals totals={totals} />
      </Section>
      <Section title="Pulls by object" note={plural(groups.length, 'object')}>
        <ul class="pull-groups">
          {groups.slice(0, GROUPS_SHOWN).map((group) => (
            <Group key={group.digest} group={group} />
          ))}
        </ul>
        {groups.length > GROUPS_SHOWN ? (
          <p class="muted more">and {plural(groups.length - GROUPS_SHOWN, 'earlier object')}</p>
        ) : null}
      </Section>
    </>
  );
}

const KINDS: readonly { readonly kind: keyof SourceBytes; readonly title: string }[] = [
  { kind: 'origin', title: 'from the origin' },
  { kind: 'peers', title: 'from peers' },
  { kind: 'cache', title: 'from their own caches' },
];

function partsOf(amounts: SourceBytes): readonly { readonly kind: string; readonly value: number }[] {
  return KINDS.map(({ kind }) => ({ kind, value: amounts[kind] }));
}

function Totals({ totals }: { readonly totals: PullTotals }): JSX.Element {
  const whole = totals.origin + totals.peers + totals.cache;
  return (
    <div class="pad">
      <PartsBar parts={partsOf(totals)} total={whole} />
      <ul class="amounts">
        {KINDS.map(({ kind, title }) => (
          <li key={kind}>
            <span class={`swatch part-${kind}`} aria-hidden="true" /> {title}: <b>{bytes(totals[kind])}</b>{' '}
            <span class="muted">({share(totals[kind], whole)})</span>
          </li>
        ))}
        <li>
          reads from the origin: <b>{count(totals.originReads)}</b>{' '}
          <span class="muted">for {plural(totals.pulls, 'pull')}</span>
        </li>
      </ul>
    </div>
  );
}

function Group({ group }: { readonly group: DigestGroup }): JSX.Element {
  const { store, route } = usePage();
  const now = useNow(store);
  const isOpen = route.item === group.digest;
  const whole = group.bytes.origin + group.bytes.peers + group.bytes.cache;
  const mirrors = new Set(group.pulls.map(({ mirror }) => mirror)).size;
  const state = [
    group.running > 0 ? `${count(group.running)} running` : '',
    group.failed > 0 ? `${count(group.failed)} failed` : '',
  ].filter((text) => text !== '');
  return (
    <li class="pull-group">
      <a
        class="pull-head"
        href={formatRoute({ ...route, item: isOpen ? undefined : group.digest })}
        aria-expanded={isOpen}
      >
        <span class="pull-name">
          <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span>{' '}
          <code title={shown(group.digest)}>{shortDigest(group.digest)}</code>{' '}
          <span class="muted">
            {shown(group.kind, 40)}, {bytes(group.size)}
          </span>
        </span>
        <span class="pull-bar">
          <PartsBar parts={partsOf(group.bytes)} total={whole} />
        </span>
        <span class="pull-words">
          {plural(mirrors, 'mirror')}, {plural(group.originReaders, 'origin read')}
          {state.length === 0 ? '' : `, ${state.join(', ')}`}
        </span>
        <span class="muted pull-time">
          <Ago at={group.startedAt} now={now} />
        </span>
      </a>
      {isOpen ? <Mirrors group={group} now={now} /> : null}
    </li>
  );
}

function Mirrors({ group, now }: { readonly group: DigestGroup; readonly now: number }): JSX.Element {
  return (
    <>
      <p class="pad">
        <code class="long">{shown(group.digest)}</code>
      </p>
      <table class="terms">
        <thead>
          <tr>
            <th scope="col">Mirror</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Received
            </th>
            <th scope="col">Where from</th>
            <th scope="col" class="number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {group.pulls.slice(0, PULLS_SHOWN).map((pull) => (
            <MirrorRow key={pull.id} pull={pull} now={now} />
          ))}
        </tbody>
      </table>
      {group.pulls.length > PULLS_SHOWN ? (
        <p class="muted more">and {plural(group.pulls.length - PULLS_SHOWN, 'more pull')}</p>
      ) : null}
    </>
  );
}

const PULL_MARKS: Readonly<Record<PullView['state'], string>> = { running: '…', done: '✓', failed: '✖' };

function MirrorRow({ pull, now }: { readonly pull: PullView; readonly now: number }): JSX.Element {
  const amounts = bytesOf(pull);
  return (
    <tr>
      <th scope="row">
        <PeerLink id={pull.mirror} />
      </th>
      <td class={pull.state === 'failed' ? 'bad' : ''}>
        <span aria-hidden="true">{PULL_MARKS[pull.state] ?? '?'}</span> {shown(pull.state, 20)}
        {pull.reason === undefined ? null : (
          <>
            : <Foreign text={pull.reason} />
          </>
        )}
      </td>
      <td class="number">
        {bytes(pull.received)}
        {pull.size === undefined ? null : <span class="muted"> of {bytes(pull.size)}</span>}
      </td>
      <td>
        <span class="from">
          <PartsBar parts={partsOf(amounts)} total={Math.max(pull.size ?? 0, pull.received)} />
          <span>
            {pull.sources.slice(0, 16).map(({ from, bytes: amount }, index) => (
              <span key={from}>
                {index > 0 ? ', ' : ''}
                {from === 'origin' || from === 'cache' ? from : <PeerLink id={from} />} {bytes(amount)}
              </span>
            ))}
          </span>
        </span>
      </td>
      <td class="number">{duration((pull.endedAt ?? now) - pull.startedAt)}</td>
    </tr>
  );
}
