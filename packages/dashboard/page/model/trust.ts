import type { ScoreView, TermView } from '../../src/protocol/fleet-view.ts';

/** What all observers think of one indexer. */
export interface SubjectTrust {
  readonly subject: string;
  /** Who evicted or suspended it first; then by observer, so that nothing jumps while scores move. */
  readonly scores: readonly ScoreView[];
  readonly inPool: number;
  readonly suspended: number;
  readonly evicted: number;
  /** Of the scores that are known. */
  readonly lowest: number | undefined;
  readonly median: number | undefined;
}

/** Scores by whom they are about; those that somebody evicted or suspended first. */
export function trustBySubject(scores: Iterable<ScoreView>): readonly SubjectTrust[] {
  const bySubject = new Map<string, ScoreView[]>();
  for (const score of scores) {
    const list = bySubject.get(score.subject);
    if (list === undefined) bySubject.set(score.subject, [score]);
    else list.push(score);
  }
  return [...bySubject]
    .map(([subject, list]) => trustOf(subject, list))
    .sort((a, b) => b.evicted + b.suspended - (a.evicted + a.suspended) || (a.subject < b.subject ? -1 : 1));
}

const STANDINGS: readonly ScoreView['standing'][] = ['evicted', 'suspended', 'in pool'];

function trustOf(subject: string, list: readonly ScoreView[]): SubjectTrust {
  const scores = [...list].sort(
    (a, b) =>
      STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) || (a.observer < b.observer ? -1 : 1),
  );
  const known = scores.flatMap(({ score }) => (score === undefined ? [] : [score])).sort((a, b) => a - b);
  const standing = (wanted: ScoreView['standing']): number =>
    scores.filter((score) => score.standing === wanted).length;
  return {
    subject,
    scores,
    inPool: standing('in pool'),
    suspended: standing('suspended'),
    evicted: standing('evicted'),
    lowest: known[0],
    median: known.length === 0 ? undefined : known[Math.floor((known.length - 1) / 2)],
  };
}

/** How many of the hundred points of a score a term gives, and how many it could give. */
export function pointsOf(
  term: TermView,
  terms: readonly TermView[],
): { readonly points: number; readonly of: number } {
  const weights = terms.reduce((total, { weight }) => total + Math.max(0, weight), 0);
  if (weights === 0) return { points: 0, of: 0 };
  const of = (100 * Math.max(0, term.weight)) / weights;
  return { points: of * Math.min(1, Math.max(0, term.value)), of };
}

/**
 * Histories of several observers on one axis of time that ends at `now`. A score holds until the next point; before its first there
 * is null.
 */
export function alignedHistories(
  scores: readonly Pick<ScoreView, 'history'>[],
  now: number,
): readonly [at: readonly number[], ...scores: readonly (readonly (number | null)[])[]] {
  const times = new Set<number>();
  for (const { history } of scores) for (const [at] of history) times.add(at);
  if (times.size > 0) times.add(Math.max(now, ...times));
  const at = [...times].sort((a, b) => a - b);
  const series = scores.map(({ history }) => {
    let next = 0;
    let held: number | null = null;
    return at.map((when) => {
      while (next < history.length && (history[next] as readonly [number, number])[0] <= when)
        held = (history[next++] as readonly [number, number])[1];
      return held;
    });
  });
  return [at, ...series];
}
