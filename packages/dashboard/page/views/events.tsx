import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { HappeningView } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { plural } from '../model/format.ts';
import { usePage } from './context.tsx';
import { Ago, Foreign, Nothing, PeerLink, Section } from './parts.tsx';

const SEVERITY_MARKS: Readonly<Record<HappeningView['severity'], string>> = {
  info: '·',
  warning: '▲',
  error: '✖',
};

/** All that is remembered of what has happened. */
export function EventsPage(): JSX.Element {
  const [isSevere, setIsSevere] = useState(false);
  return (
    <Section
      title="Events"
      note={
        <label>
          <input
            type="checkbox"
            checked={isSevere}
            onChange={(event) => setIsSevere(event.currentTarget.checked)}
          />{' '}
          warnings and errors only
        </label>
      }
    >
      <Happenings limit={200} isSevere={isSevere} />
    </Section>
  );
}

/** What has happened, newest first. */
export function Happenings({
  limit,
  isSevere = false,
}: {
  readonly limit: number;
  readonly isSevere?: boolean;
}): JSX.Element {
  const { store } = usePage();
  const happenings = useStore(store, ({ live }) => live.fleet?.happenings) ?? [];
  const now = useNow(store);
  const wanted = happenings.filter(({ severity }) => !isSevere || severity !== 'info');
  if (wanted.length === 0)
    return <Nothing title={isSevere ? 'No warnings and no errors.' : 'Nothing has happened yet.'} />;
  return (
    <>
      <ol class="happenings">
        {wanted.slice(0, limit).map((happening) => (
          <li key={happening.seq} class={`happening is-${happening.severity}`}>
            <span class="happening-mark" aria-hidden="true">
              {SEVERITY_MARKS[happening.severity] ?? '·'}
            </span>
            <span class="happening-text">
              {happening.severity === 'info' ? null : <span class="hidden">{happening.severity}: </span>}
              <Foreign text={happening.text} />
              {happening.peer === undefined ? null : (
                <>
                  {' '}
                  <PeerLink id={happening.peer} />
                </>
              )}
            </span>
            <span class="happening-time muted">
              <Ago at={happening.at} now={now} />
            </span>
          </li>
        ))}
      </ol>
      {wanted.length > limit ? (
        <p class="muted more">and {plural(wanted.length - limit, 'earlier event')}</p>
      ) : null}
    </>
  );
}
