/** Figures over time: one point a second and figure, put together from the sources that answer. */
import { type SeriesView, VIEW_LIMITS } from '@muster/dashboard';
import { COMBINED, SERIES, type SeriesName } from './inputs.ts';

/** A figure that was told longer ago than this is not plotted any more. */
const FRESH_MS = 5_000;

interface Counted {
  total: number;
  at: number;
  /** By how much it grew since the last point. */
  grown: number;
}

type Point = readonly [at: number, value: number];

export class SeriesBook {
  readonly #counters = new Map<SeriesName, Map<string, Counted>>();
  readonly #gauges = new Map<SeriesName, Map<string, { value: number; at: number }>>();
  readonly #points = new Map<SeriesName, Point[]>();
  #lastTick: number | undefined;
  #newPoints: Record<string, readonly Point[]> = {};
  #newSeries: SeriesName[] = [];

  views(): readonly SeriesView[] {
    return [...this.#points].map(([name, points]) => viewOf(name, points));
  }

  count(source: string, series: SeriesName, total: number, now: number): void {
    const counters = getOrAdd(this.#counters, series);
    const before = counters.get(source);
    // A total that has become smaller belongs to a process that was started again.
    const grown = before === undefined ? 0 : total >= before.total ? total - before.total : total;
    counters.set(source, { total, at: now, grown: (before?.grown ?? 0) + grown });
  }

  gauge(source: string, series: SeriesName, value: number, now: number): void {
    getOrAdd(this.#gauges, series).set(source, { value, at: now });
  }

  removeSource(source: string): void {
    for (const counters of this.#counters.values()) counters.delete(source);
    for (const gauges of this.#gauges.values()) gauges.delete(source);
  }

  /** Adds a point to each figure; called about once a second. */
  tick(now: number): void {
    const elapsed = this.#lastTick === undefined ? undefined : (now - this.#lastTick) / 1000;
    this.#lastTick = now;
    for (const [name, counters] of this.#counters) {
      let grown = 0;
      let fresh = 0;
      for (const counted of counters.values()) {
        grown += counted.grown;
        counted.grown = 0;
        if (now - counted.at < FRESH_MS) fresh += 1;
      }
      if (fresh > 0 && elapsed !== undefined && elapsed > 0) this.#add(name, [now, rounded(grown / elapsed)]);
    }
    for (const [name, gauges] of this.#gauges) {
      const fresh = [...gauges.values()].filter(({ at }) => now - at < FRESH_MS);
      if (fresh.length === 0) continue;
      const values = fresh.map(({ value }) => value);
      this.#add(name, [now, rounded(combined(name, values))]);
    }
  }

  drain(): {
    readonly points: Readonly<Record<string, readonly Point[]>> | undefined;
    readonly series: readonly SeriesView[];
  } {
    const points = Object.keys(this.#newPoints).length === 0 ? undefined : this.#newPoints;
    const series = this.#newSeries.map((name) => viewOf(name, this.#points.get(name) ?? []));
    this.#newPoints = {};
    this.#newSeries = [];
    return { points, series };
  }

  get isDirty(): boolean {
    return this.#newSeries.length > 0 || Object.keys(this.#newPoints).length > 0;
  }

  #add(name: SeriesName, point: Point): void {
    const points = this.#points.get(name);
    if (points === undefined) {
      this.#points.set(name, [point]);
      this.#newSeries.push(name);
      return;
    }
    points.push(point);
    if (points.length > VIEW_LIMITS.points) points.shift();
    if (!this.#newSeries.includes(name)) this.#newPoints[name] = [...(this.#newPoints[name] ?? []), point];
  }
}

function viewOf(name: SeriesName, points: readonly Point[]): SeriesView {
  return { id: name, ...SERIES[name], points: [...points] };
}

function getOrAdd<V>(map: Map<SeriesName, Map<string, V>>, name: SeriesName): Map<string, V> {
  let value = map.get(name);
  if (value === undefined) {
    value = new Map();
    map.set(name, value);
  }
  return value;
}

function combined(name: SeriesName, values: readonly number[]): number {
  const way = COMBINED[name];
  if (way === 'max') return Math.max(...values);
  const sum = values.reduce((total, value) => total + value, 0);
  return way === 'mean' ? sum / values.length : sum;
}

function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
