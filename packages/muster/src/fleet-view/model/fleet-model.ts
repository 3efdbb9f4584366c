/**
 * A fleet as it is shown: what collectors tell goes in, snapshots and changes come out. No clock, no input and no output of its
 * own: whoever drives it says what time it is.
 *
 * Bounds: all that is kept and all that one delta holds is bounded by `VIEW_LIMITS` and the constants here, whatever sources say.
 */
import {
  type DurabilityView,
  type FleetDelta,
  type FleetSnapshot,
  type HappeningView,
  type PeerView,
  type PullView,
  type ScoreView,
  type SourceView,
  VIEW_LIMITS,
} from '@muster/dashboard';
import type { ViewInput } from './inputs.ts';
import { PeerBook, type PeerChanges, shortName } from './peer-book.ts';
import { PullBook } from './pull-book.ts';
import { ScoreBook } from './score-book.ts';
import { SeriesBook } from './series-book.ts';
import { shown } from './shown-text.ts';

/** Peers of one delta: a delta of the largest peers stays below a few megabytes; the rest comes in the next one. */
export const PEERS_PER_DELTA = 2_000;
/** What happened of one delta; of more, the first ones are left out. */
export const HAPPENINGS_PER_DELTA = 50;
/** Sources at once. */
export const MAX_SOURCES = 1_024;

export interface FleetModelOptions {
  readonly title: string;
  readonly version: string;
  /** Number before the first delta; later models of the same page must begin with a higher one than was reached. */
  readonly firstSeq: number;
}

export class FleetModel {
  readonly #options: FleetModelOptions;
  readonly #peers = new PeerBook();
  readonly #scores = new ScoreBook();
  readonly #pulls = new PullBook();
  readonly #series = new SeriesBook();
  readonly #sources = new Map<string, SourceView>();
  readonly #totals = new Map<string, number>();
  #happenings: HappeningView[] = [];
  #newHappenings: HappeningView[] = [];
  #happeningSeq = 0;
  #durability: DurabilityView | undefined;
  #areSourcesDirty = false;
  #isDurabilityDirty = false;
  #unlisted = 0;
  #seq: number;

  constructor(options: FleetModelOptions) {
    this.#options = options;
    this.#seq = options.firstSeq;
  }

  /** Number of the last delta. */
  get seq(): number {
    return this.#seq;
  }

  /** How many entries it keeps, by kind: for tests and metrics. */
  get sizes(): Readonly<Record<'peers' | 'scores' | 'pulls' | 'sources' | 'happenings', number>> {
    return {
      peers: this.#peers.size,
      scores: this.#scores.size,
      pulls: this.#pulls.size,
      sources: this.#sources.size,
      happenings: this.#happenings.length,
    };
  }

  /** Takes in what a collector says. What names a source that is not known is ignored. */
  take(input: ViewInput, now: number): void {
    switch (input.type) {
      case 'source':
        return this.#source(input, now);
      case 'source-removed':
        return this.#removeSource(input.id);
      case 'peers': {
        const { source, facts, isComplete, staleAfterMs, total } = input;
        const options = staleAfterMs === undefined ? { isComplete } : { isComplete, staleAfterMs };
        this.#peers.tell(source, facts, options, now);
        if (total !== undefined && this.#sources.has(source)) this.#totals.set(source, total);
        return;
      }
      case 'peers-gone':
        return this.#peers.gone(input.source, input.keys, now);
      case 'peers-seen':
        return this.#peers.seen(input.source, input.seen);
      case 'scores':
        if (this.#sources.has(input.source)) {
          this.#scores.tell(input.source, input.scores, input.isComplete, now);
        }
        return;
      case 'pulls':
        if (this.#sources.has(input.source)) this.#pulls.tell(input.source, input.pulls);
        return;
      case 'counter':
        if (this.#sources.has(input.source)) {
          this.#series.count(input.source, input.series, input.total, now);
        }
        return;
      case 'gauge':
        if (this.#sources.has(input.source)) {
          this.#series.gauge(input.source, input.series, input.value, now);
        }
        return;
      case 'durability':
        return this.#durable(input);
      case 'happening':
        return this.#happened(input, now);
      default:
        return input satisfies never;
    }
  }

  /** What changes by the passing of time: called about once a second. */
  tick(now: number): void {
    this.#peers.tick(now);
    this.#scores.tick(now);
    this.#series.tick(now);
  }

  /**
   * What has changed since the last delta; undefined when nothing has. Called at most ten times a second. What is too much for
   * one delta comes with the next.
   */
  delta(now: number): FleetDelta | undefined {
    const peers = this.#peers.drain(now, PEERS_PER_DELTA);
    this.#tellTurned(peers.turned, now);
    const unlisted = this.#unlistedNow();
    const scores = this.#scores.drain();
    const pulls = this.#pulls.drain();
    const { points, series } = this.#series.drain();
    const part: Omit<FleetDelta, 'seq' | 'at'> = {
      ...list('peers', peers.changed),
      ...list('removedPeers', peers.removed),
      ...list('scores', scores.changed),
      ...list('removedScores', scores.removed),
      ...list('pulls', pulls.changed),
      ...list('removedPulls', pulls.removed),
      ...(points === undefined ? {} : { points }),
      ...list('series', series),
      ...(this.#areSourcesDirty ? { sources: [...this.#sources.values()] } : {}),
      ...(this.#isDurabilityDirty && this.#durability !== undefined ? { durability: this.#durability } : {}),
      ...list('happenings', this.#newHappenings),
      ...(unlisted === this.#unlisted ? {} : { unlistedPeers: unlisted }),
    };
    this.#areSourcesDirty = false;
    this.#isDurabilityDirty = false;
    this.#newHappenings = [];
    this.#unlisted = unlisted;
    if (Object.keys(part).length === 0) return undefined;
    this.#seq += 1;
    return { seq: this.#seq, at: now, ...part };
  }

  /** Everything that deltas have told so far. */
  snapshot(now: number): FleetSnapshot {
    return {
      protocol: 1,
      seq: this.#seq,
      at: now,
      title: this.#options.title,
      version: this.#options.version,
      peers: [...this.#peers.views()].slice(0, VIEW_LIMITS.peers),
      scores: [...this.#scores.views()],
      pulls: this.#pulls.views(),
      series: this.#series.views(),
      sources: [...this.#sources.values()],
      ...(this.#durability === undefined ? {} : { durability: this.#durability }),
      happenings: this.#happenings,
      unlistedPeers: this.#unlisted,
    };
  }

  /** All that is known of one peer; undefined when there is none with this id. */
  peer(id: string):
    | {
        readonly peer: PeerView;
        readonly scores: readonly ScoreView[];
        readonly pulls: readonly PullView[];
        readonly happenings: readonly HappeningView[];
      }
    | undefined {
    const peer = this.#peers.view(id);
    if (peer === undefined) return undefined;
    return {
      peer,
      scores: [...this.#scores.views()].filter(({ observer, subject }) => observer === id || subject === id),
      pulls: this.#pulls
        .views()
        .filter(({ mirror, sources }) => mirror === id || sources.some(({ from }) => from === id)),
      happenings: this.#happenings.filter((each) => each.peer === id),
    };
  }

  #source(input: Extract<ViewInput, { readonly type: 'source' }>, now: number): void {
    const { id, kind, address, state, error } = input;
    const before = this.#sources.get(id);
    if (before === undefined && this.#sources.size >= MAX_SOURCES) return;
    const text = error === undefined ? undefined : shown(error);
    if (before?.state === state && before.error === text && before.address === address) return;
    const since = before?.state === state ? before.since : now;
    this.#sources.set(id, {
      id,
      kind,
      address,
      state,
      since,
      ...(text === undefined ? {} : { error: text }),
    });
    this.#areSourcesDirty = true;
    this.#peers.setSource(id, kind, state === 'ok');
    if (state !== 'failed' || before?.state !== 'ok') return;
    this.#pulls.interrupt(id, now);
    this.#series.removeSource(id);
  }

  #durable({ source, figures }: Extract<ViewInput, { readonly type: 'durability' }>): void {
    if (!this.#sources.has(source)) return;
    if (JSON.stringify(figures) === JSON.stringify(this.#durability)) return;
    this.#durability = figures;
    this.#isDurabilityDirty = true;
  }

  #removeSource(id: string): void {
    if (!this.#sources.delete(id)) return;
    this.#areSourcesDirty = true;
    this.#totals.delete(id);
    this.#peers.removeSource(id);
    this.#scores.removeSource(id);
    this.#series.removeSource(id);
  }

  #happened(event: Omit<Extract<ViewInput, { readonly type: 'happening' }>, 'type'>, now: number): void {
    this.#happeningSeq += 1;
    const happening: HappeningView = {
      seq: this.#happeningSeq,
      at: event.at ?? now,
      severity: event.severity,
      text: shown(this.#withNames(event.text, event.mentions)),
      ...(event.peer === undefined ? {} : { peer: event.peer }),
    };
    this.#newHappenings = [happening, ...this.#newHappenings].slice(0, HAPPENINGS_PER_DELTA);
    this.#happenings = [happening, ...this.#happenings].slice(0, VIEW_LIMITS.happenings);
  }

  #withNames(text: string, mentions: readonly string[] = []): string {
    if (mentions.length === 0) return text;
    return text.replaceAll(/\{(\d)\}/g, (whole, digit: string) => {
      const id = mentions[Number(digit)];
      return id === undefined ? whole : (this.#peers.view(id)?.name ?? shortName(id));
    });
  }

  #tellTurned(turned: PeerChanges['turned'], now: number): void {
    for (const { view, isFirst } of turned) {
      // What has never been there does not fall silent: it is being started.
      if (isFirst && view.state !== 'online') continue;
      const text = TURNS[view.state];
      const isBack = view.state === 'online' && !isFirst;
      this.#happened(
        {
          severity: severityOf(view),
          text: `${view.name} ${isBack ? 'is back' : text}`,
          peer: view.id,
        },
        now,
      );
    }
  }

  #unlistedNow(): number {
    let unlisted = 0;
    for (const [source, total] of this.#totals) {
      unlisted += Math.max(0, total - this.#peers.countOf(source));
    }
    return unlisted;
  }
}

function severityOf({ state, roles }: PeerView): HappeningView['severity'] {
  if (state === 'online') return 'info';
  return roles.includes('registry') ? 'error' : 'warning';
}

const TURNS: Readonly<Record<PeerView['state'], string>> = {
  online: 'is there',
  stale: 'has fallen silent',
  unreachable: 'does not answer',
  gone: 'is gone',
};

/** A member of a delta, left out when it would be empty. */
function list<K extends string, T>(key: K, entries: readonly T[]): { readonly [key in K]?: readonly T[] } {
  return entries.length === 0 ? {} : ({ [key]: entries } as { readonly [key in K]: readonly T[] });
}
