/** The pulls of all mirrors, the newest. */
import { type PullView, VIEW_LIMITS } from '@muster/dashboard';
import { shown } from './shown-text.ts';
import { drained } from './drained.ts';

const MAX_SOURCES_OF_PULL = 32;

export class PullBook {
  /** In the order in which they became known. */
  readonly #entries = new Map<string, { view: PullView; readonly source: string }>();
  readonly #dirty = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  /** Newest first. */
  views(): readonly PullView[] {
    return [...this.#entries.values()].map(({ view }) => view).sort((a, b) => b.startedAt - a.startedAt);
  }

  tell(source: string, pulls: readonly PullView[]): void {
    for (const pull of pulls) {
      const view = {
        ...pull,
        kind: shown(pull.kind),
        digest: shown(pull.digest),
        sources: pull.sources.slice(0, MAX_SOURCES_OF_PULL),
        ...(pull.reason === undefined ? {} : { reason: shown(pull.reason) }),
      };
      const before = this.#entries.get(view.id);
      if (before !== undefined && JSON.stringify(before.view) === JSON.stringify(view)) continue;
      this.#entries.set(view.id, { view, source });
      this.#dirty.add(view.id);
    }
    while (this.#entries.size > VIEW_LIMITS.pulls) this.#remove(this.#oldest());
  }

  /** What a mirror was doing when it fell silent is not known to go on. */
  interrupt(source: string, now: number): void {
    for (const [id, entry] of this.#entries) {
      if (entry.source !== source || entry.view.state !== 'running') continue;
      entry.view = { ...entry.view, state: 'failed', endedAt: now, reason: 'the mirror does not answer' };
      this.#dirty.add(id);
    }
  }

  drain(): { readonly changed: readonly PullView[]; readonly removed: readonly string[] } {
    return drained(this.#dirty, this.#entries);
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  #remove(id: string): void {
    this.#entries.delete(id);
    this.#dirty.add(id);
  }

  /** Ended ones go first. */
  #oldest(): string {
    let oldest: PullView | undefined;
    for (const { view } of this.#entries.values()) {
      if (oldest === undefined || age(view) < age(oldest)) oldest = view;
    }
    return oldest?.id ?? '';
  }
}

function age({ state, startedAt }: PullView): number {
  return state === 'running' ? startedAt + 1e12 : startedAt;
}
