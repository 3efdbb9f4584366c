/** What nodes think of indexers, with how it came about. */
import { type ScoreView, VIEW_LIMITS } from '@muster/dashboard';
import type { ScoreFact } from './inputs.ts';
import { shown } from './shown-text.ts';
import { drained } from './drained.ts';

/** Points of a history are at least so far apart; the newest one moves until then. */
export const HISTORY_STEP_MS = 2_000;
const MAX_TERMS = 16;
/** How long a score is shown after its indexer has left the pool. */
const EVICTED_SHOWN_MS = 120_000;

interface Entry {
  view: ScoreView;
  readonly source: string;
  evictedAt: number | undefined;
}

export class ScoreBook {
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  *views(): Iterable<ScoreView> {
    for (const { view } of this.#entries.values()) yield view;
  }

  view(id: string): ScoreView | undefined {
    return this.#entries.get(id)?.view;
  }

  tell(source: string, scores: readonly ScoreFact[], isComplete: boolean, now: number): void {
    const told = new Set<string>();
    for (const fact of scores) told.add(this.#put(source, fact, now));
    if (!isComplete) return;
    for (const [id, entry] of this.#entries) {
      if (entry.source !== source || told.has(id) || entry.evictedAt !== undefined) continue;
      this.#evict(id, entry, now);
    }
  }

  removeSource(source: string): void {
    for (const [id, entry] of this.#entries) if (entry.source === source) this.#remove(id);
  }

  tick(now: number): void {
    for (const [id, { evictedAt }] of this.#entries) {
      if (evictedAt !== undefined && now - evictedAt >= EVICTED_SHOWN_MS) this.#remove(id);
    }
  }

  drain(): { readonly changed: readonly ScoreView[]; readonly removed: readonly string[] } {
    return drained(this.#dirty, this.#entries);
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  #put(source: string, fact: ScoreFact, now: number): string {
    const id = `${fact.observer}/${fact.subject}`;
    const before = this.#entries.get(id);
    if (before === undefined && this.#entries.size >= VIEW_LIMITS.scores) return id;
    const view = viewOf(id, fact, before?.view, now);
    const evictedAt = fact.standing === 'evicted' ? now : undefined;
    this.#entries.set(id, { view, source, evictedAt });
    if (before === undefined || !isSame(before.view, view)) this.#dirty.add(id);
    return id;
  }

  #evict(id: string, entry: Entry, now: number): void {
    entry.view = { ...entry.view, standing: 'evicted' };
    entry.evictedAt = now;
    this.#dirty.add(id);
  }

  #remove(id: string): void {
    this.#entries.delete(id);
    this.#dirty.add(id);
  }
}

function viewOf(id: string, fact: ScoreFact, before: ScoreView | undefined, now: number): ScoreView {
  const score = fact.score === undefined ? undefined : rounded(fact.score, 1);
  const reason = fact.reason ?? (fact.standing === 'in pool' ? undefined : before?.reason);
  return {
    id,
    observer: fact.observer,
    subject: fact.subject,
    ...(score === undefined ? {} : { score }),
    ...(fact.minimum === undefined ? {} : { minimum: rounded(fact.minimum, 1) }),
    standing: fact.standing,
    ...(reason === undefined ? {} : { reason: shown(reason) }),
    terms: (fact.terms.length === 0 ? (before?.terms ?? []) : fact.terms).slice(0, MAX_TERMS).map((term) => ({
      ...term,
      name: shown(term.name),
      value: rounded(term.value, 3),
      evidence: shown(term.evidence),
    })),
    history: historyOf(before?.history ?? [], score, now),
  };
}

type History = ScoreView['history'];

function historyOf(history: History, score: number | undefined, now: number): History {
  if (score === undefined) return history;
  const last = history.at(-1);
  if (last !== undefined && last[1] === score) return history;
  const previous = history.at(-2);
  const isNear = previous !== undefined && last !== undefined && now - previous[0] < HISTORY_STEP_MS;
  const kept = isNear ? history.slice(0, -1) : history;
  return [...kept, [now, score] as const].slice(-VIEW_LIMITS.scoreHistory);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function isSame(a: ScoreView, b: ScoreView): boolean {
  return (
    a.score === b.score &&
    a.minimum === b.minimum &&
    a.standing === b.standing &&
    a.reason === b.reason &&
    a.history === b.history &&
    JSON.stringify(a.terms) === JSON.stringify(b.terms)
  );
}
