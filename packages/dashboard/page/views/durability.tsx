import type { ComponentChildren, JSX } from 'preact';
import type { DurabilityView, SourceView } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { absolute, age, ago, bytes, count, plural } from '../model/format.ts';
import { usePage } from './context.tsx';
import { Foreign, Nothing, Section } from './parts.tsx';

/** What each mode promises. */
const MODES: Readonly<Record<string, string>> = {
  strict: 'A write is answered when it is on the disk, each with a sync of its own.',
  batch: 'A write is answered when it is on the disk; writes that come together share one sync.',
  async: 'A write is answered before it is on the disk: a crash may lose the last moments.',
  memory: 'Nothing is kept: with the process, everything is gone.',
};

/** How safe what the registry knows is, and whom the page asks. */
export function DurabilityPage(): JSX.Element {
  const { store } = usePage();
  const durability = useStore(store, ({ live }) => live.fleet?.durability);
  const sources = useStore(store, ({ live }) => live.fleet?.sources);
  const now = useNow(store);
  return (
    <div class="two">
      <Section title="Durability of the registry">
        {durability === undefined ? (
          <Nothing title="No registry is asked.">
            <p>
              The page server learns it from the registry’s HTTP interface:{' '}
              <code>muster page serve --help</code> says how to name it.
            </p>
          </Nothing>
        ) : (
          <Facts durability={durability} now={now} />
        )}
      </Section>
      <Section title="Sources" note="whom the page server asks">
        <Sources sources={[...(sources?.values() ?? [])]} now={now} />
      </Section>
    </div>
  );
}

function Facts({
  durability,
  now,
}: {
  readonly durability: DurabilityView;
  readonly now: number;
}): JSX.Element {
  const lag = Math.max(0, durability.appliedSeq - durability.durableSeq);
  return (
    <dl class="facts facts-wide">
      <Fact title="Mode" note={MODES[durability.mode]}>
        <Foreign text={durability.mode} limit={40} />
      </Fact>
      <Fact
        title="Last sync"
        note={durability.lastSyncAt === undefined ? undefined : absolute(durability.lastSyncAt)}
      >
        {ago(durability.lastSyncAt, now)}
      </Fact>
      <Fact
        title="Waiting for a sync"
        note={`applied ${count(durability.appliedSeq)}, durable ${count(durability.durableSeq)}`}
      >
        {lag === 0 ? 'nothing' : plural(lag, 'event')}
      </Fact>
      <Fact title="Log" note="since the last snapshot and before, as far as it is kept">
        {bytes(durability.logBytes)}
      </Fact>
      <Fact
        title="Last snapshot"
        note={
          durability.lastSnapshotAt === undefined
            ? 'the log alone holds everything'
            : absolute(durability.lastSnapshotAt)
        }
      >
        {durability.lastSnapshotAt === undefined
          ? 'none yet'
          : `${ago(durability.lastSnapshotAt, now)}, ${bytes(durability.snapshotBytes)}`}
      </Fact>
    </dl>
  );
}

function Fact({
  title,
  note,
  children,
}: {
  readonly title: string;
  readonly note: string | undefined;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="fact">
      <dt>{title}</dt>
      <dd>
        <b>{children}</b>
        {note === undefined ? null : <span class="muted fact-note">{note}</span>}
      </dd>
    </div>
  );
}

const SOURCE_MARKS: Readonly<Record<SourceView['state'], string>> = { ok: '✓', connecting: '…', failed: '✖' };

function Sources({
  sources,
  now,
}: {
  readonly sources: readonly SourceView[];
  readonly now: number;
}): JSX.Element {
  if (sources.length === 0) return <Nothing title="The page server asks nobody." />;
  const order = [...sources].sort(
    (a, b) => Number(b.state === 'failed') - Number(a.state === 'failed') || (a.id < b.id ? -1 : 1),
  );
  return (
    <table class="terms">
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">Kind</th>
          <th scope="col">Address</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {order.slice(0, 200).map((source) => (
          <tr key={source.id}>
            <th scope="row">
              <Foreign text={source.id} limit={60} />
            </th>
            <td>{source.kind}</td>
            <td>
              <code>
                <Foreign text={source.address} limit={80} />
              </code>
            </td>
            <td class={source.state === 'failed' ? 'bad' : ''}>
              <span aria-hidden="true">{SOURCE_MARKS[source.state] ?? '?'}</span> {source.state} for{' '}
              {age(now - source.since)}
              {source.error === undefined ? null : (
                <>
                  : <Foreign text={source.error} />
                </>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
