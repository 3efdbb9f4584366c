import type { JSX } from 'preact';
import type { ScoreView } from '../../src/protocol/fleet-view.ts';
import { Foreign } from './parts.tsx';

/** A score of a hundred, with the least that is asked for as a line. */
export function ScoreBar({
  score,
  minimum,
}: {
  readonly score: number | undefined;
  readonly minimum: number | undefined;
}): JSX.Element {
  const isLow = score !== undefined && minimum !== undefined && score < minimum;
  return (
    <span class={isLow ? 'score is-low' : 'score'}>
      <span class="score-value">
        {score === undefined ? '–' : score.toFixed(1)}
        {minimum === undefined ? null : <span class="muted"> / min {minimum.toFixed(0)}</span>}
      </span>
      <span class="score-bar" aria-hidden="true">
        <span class="score-fill" style={{ width: `${bounded(score ?? 0)}%` }} />
        {minimum === undefined ? null : (
          <span class="score-minimum" style={{ left: `${bounded(minimum)}%` }} />
        )}
      </span>
    </span>
  );
}

function bounded(value: number): number {
  return Math.min(100, Math.max(0, value));
}

const STANDING_MARKS: Readonly<Record<ScoreView['standing'], string>> = {
  'in pool': '✓',
  suspended: '‖',
  evicted: '✖',
};

/** In the pool or not, and why not. */
export function Standing({ score }: { readonly score: ScoreView }): JSX.Element {
  return (
    <span class={`standing standing-${score.standing.replace(' ', '-')}`}>
      <span aria-hidden="true">{STANDING_MARKS[score.standing] ?? '?'}</span> {score.standing}
      {score.reason === undefined ? null : (
        <span class="reason">
          : <Foreign text={score.reason} />
        </span>
      )}
    </span>
  );
}
