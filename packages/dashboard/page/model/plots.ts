import type { SeriesView } from '../../src/protocol/fleet-view.ts';

/** Series that are drawn in one plot: what belongs together, or a single series. */
export interface PlotGroup {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly series: readonly SeriesView[];
  /** Of the lines, in the order of `series`. */
  readonly names: readonly string[];
}

const PERCENTILE = /^(.+)\.(p\d+|max|mean)$/;
const PULLED_BYTES = /^pulls\.[a-z]+-bytes$/;
/** Lines in one plot that one can tell apart. */
const MAX_LINES = 6;

/** Percentiles of one figure share a plot, and so does where bytes of pulls come from; everything else has one of its own. */
export function plotGroups(series: Iterable<SeriesView>): readonly PlotGroup[] {
  const groups = new Map<string, SeriesView[]>();
  for (const each of [...series].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const key = `${stemOf(each.id)}|${each.unit}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else if (group.length < MAX_LINES) group.push(each);
    else groups.set(`${each.id}|`, [each]);
  }
  return [...groups.values()].map(groupOf);
}

function stemOf(id: string): string {
  if (PULLED_BYTES.test(id)) return 'pulls.bytes';
  return PERCENTILE.exec(id)?.[1] ?? id;
}

function groupOf(series: readonly SeriesView[]): PlotGroup {
  const first = series[0] as SeriesView;
  const { unit } = first;
  if (series.length === 1) return { id: first.id, label: first.label, unit, series, names: [first.label] };
  const id = stemOf(first.id);
  if (id === 'pulls.bytes') {
    const label = 'Where bytes of pulls come from';
    return { id, label, unit, series, names: series.map((each) => each.label) };
  }
  const label = first.label.replace(/[ ,(]*\b(p\d+|max|mean)\b\)?$/i, '') || id;
  return { id, label, unit, series, names: series.map((each) => each.id.slice(id.length + 1)) };
}

/** Several series on one axis of time, without what is older than `from`. */
export function alignedSeries(
  series: readonly SeriesView[],
  from: number,
): readonly [at: readonly number[], ...lines: readonly (readonly (number | null)[])[]] {
  const times = new Set<number>();
  for (const { points } of series) for (const [at] of points) if (at >= from) times.add(at);
  const at = [...times].sort((a, b) => a - b);
  const lines = series.map(({ points }) => {
    const byTime = new Map(points.map(([when, value]) => [when, value]));
    return at.map((when) => byTime.get(when) ?? null);
  });
  return [at, ...lines];
}
