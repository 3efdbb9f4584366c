import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import type { ScoreView } from '../../src/protocol/fleet-view.ts';
import { useStore } from '../browser/store.ts';
import { count, plural } from '../model/format.ts';
import { formatRoute, type Route } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { alignedHistories, pointsOf, type SubjectTrust, trustBySubject } from '../model/trust.ts';
import { usePage } from './context.tsx';
import { Foreign, Nothing, PeerLink, Section } from './parts.tsx';
import { Plot } from './plot.tsx';
import { ScoreBar, Standing } from './trust-parts.tsx';

const SUBJECTS_SHOWN = 200;
const OBSERVERS_SHOWN = 60;
/** Lines that one can still tell apart. */
const LINES_SHOWN = 6;

/** What nodes think of indexers, and why. */
export function TrustPage(): JSX.Element {
  const { store, route } = usePage();
  const scores = useStore(store, ({ live }) => live.fleet?.scores);
  const subjects = useMemo(() => trustBySubject(scores?.values() ?? []), [scores]);
  // What was shown first stays, also when another becomes worse.
  const first = useRef<string | undefined>(undefined);
  if (subjects.length === 0) {
    return (
      <Section title="Trust">
        <Nothing title="No scores yet.">
          <p>
            A node scores an indexer from its heartbeats, challenges and witnesses; the first score takes a
            few heartbeats. Scores come from the status endpoints of nodes: the page server lists under{' '}
            <a href="#/durability">sources</a> which of them answer.
          </p>
        </Nothing>
      </Section>
    );
  }
  const chosen =
    subjects.find(({ subject }) => subject === (route.item ?? first.current)) ??
    (subjects[0] as SubjectTrust);
  first.current = chosen.subject;
  return (
    <div class="trust">
      <Section title="Indexers" note={plural(subjects.length, 'indexer')} class="subjects">
        <ul class="subject-list">
          {subjects.slice(0, SUBJECTS_SHOWN).map((each) => (
            <Subject key={each.subject} trust={each} isChosen={each === chosen} route={route} />
          ))}
        </ul>
      </Section>
      <Observers trust={chosen} />
    </div>
  );
}

function Subject({
  trust,
  isChosen,
  route,
}: {
  readonly trust: SubjectTrust;
  readonly isChosen: boolean;
  readonly route: Route;
}): JSX.Element {
  const { store } = usePage();
  const name = useStore(store, ({ live }) => live.fleet?.peers.get(trust.subject)?.name) ?? trust.subject;
  const bad = [
    trust.suspended > 0 ? `suspended by ${count(trust.suspended)}` : '',
    trust.evicted > 0 ? `evicted by ${count(trust.evicted)}` : '',
  ].filter((text) => text !== '');
  return (
    <li>
      <a
        class={bad.length > 0 ? 'subject is-bad' : 'subject'}
        href={formatRoute({ ...route, item: trust.subject })}
        aria-current={isChosen ? 'true' : undefined}
      >
        <span class="subject-name">
          <Foreign text={name} limit={60} />
        </span>
        <span class="muted">
          lowest {trust.lowest?.toFixed(0) ?? '–'}, median {trust.median?.toFixed(0) ?? '–'}
        </span>
        <span class={bad.length > 0 ? 'bad' : 'muted'}>
          {bad.length > 0 ? `✖ ${bad.join(', ')}` : `in ${plural(trust.inPool, 'pool')}`}
        </span>
      </a>
    </li>
  );
}

function Observers({ trust }: { readonly trust: SubjectTrust }): JSX.Element {
  const { store } = usePage();
  const peers = useStore(store, ({ live }) => live.fleet?.peers);
  const at = useStore(store, ({ live }) => Math.floor((live.fleet?.at ?? 0) / 1000)) * 1000;
  const subject = peers?.get(trust.subject)?.name ?? trust.subject;
  const lines = trust.scores.filter(({ history }) => history.length > 0).slice(0, LINES_SHOWN);
  const data = useMemo(() => alignedHistories(lines, at), [trust, at]);
  return (
    <div class="observers">
      <Section title={`Trust in ${shown(subject, 60)}`} note={<PeerLink id={trust.subject} />}>
        {lines.length === 0 ? (
          <p class="muted pad">No history yet.</p>
        ) : (
          <Plot
            label={`Score of ${shown(subject, 60)} over time, by observer`}
            unit=""
            data={data}
            names={lines.map(({ observer }) => shown(peers?.get(observer)?.name ?? observer, 24))}
            range={[0, 100]}
            isHeld
            height={180}
          />
        )}
      </Section>
      {trust.scores.slice(0, OBSERVERS_SHOWN).map((score) => (
        <Score key={score.id} score={score} />
      ))}
      {trust.scores.length > OBSERVERS_SHOWN ? (
        <p class="muted">and {plural(trust.scores.length - OBSERVERS_SHOWN, 'observer')} more</p>
      ) : null}
    </div>
  );
}

function Score({ score }: { readonly score: ScoreView }): JSX.Element {
  const { store } = usePage();
  const name = useStore(store, ({ live }) => live.fleet?.peers.get(score.observer)?.name) ?? score.observer;
  return (
    <section class="panel score-card" aria-label={`As ${shown(name, 60)} sees it`}>
      <header class="panel-head">
        <h3>
          seen by <PeerLink id={score.observer} />
        </h3>
        <ScoreBar score={score.score} minimum={score.minimum} />
        <Standing score={score} />
      </header>
      {score.terms.length === 0 ? (
        <p class="muted pad">No terms are known yet.</p>
      ) : (
        <table class="terms">
          <thead>
            <tr>
              <th scope="col">Term</th>
              <th scope="col" class="number">
                Value
              </th>
              <th scope="col" class="number">
                Weight
              </th>
              <th scope="col" class="number">
                Points
              </th>
              <th scope="col">Measured from</th>
            </tr>
          </thead>
          <tbody>
            {score.terms.slice(0, 32).map((term) => {
              const { points, of } = pointsOf(term, score.terms);
              return (
                <tr key={term.name}>
                  <th scope="row">
                    <Foreign text={term.name} limit={60} />
                  </th>
                  <td class="number">
                    <span class="term-bar" aria-hidden="true">
                      <span
                        class="score-fill"
                        style={{ width: `${Math.min(100, Math.max(0, 100 * term.value))}%` }}
                      />
                    </span>
                    {term.value.toFixed(2)}
                  </td>
                  <td class="number">{term.weight.toFixed(2)}</td>
                  <td class="number">
                    {points.toFixed(1)} <span class="muted">of {of.toFixed(0)}</span>
                  </td>
                  <td>
                    <Foreign text={term.evidence} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}
