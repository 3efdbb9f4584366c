import type { SeriesView } from '../../src/protocol/fleet-view.ts';

/** Series that are drawn in one plot: the percentiles of one figure, or a single series. */
export interface PlotGroup {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly series: readonly SeriesView[];
}

const PERCENTILE = /^(.+)\.(p\d+|max|mean)$/;
/** Lines in one plot that one can tell apart. */
const MAX_LINES = 6;

/** Percentiles of the same figure share a plot; everything else has one of its own. In order of the ids. */
export function plotGroups(series: Iterable<SeriesView>): readonly PlotGroup[] {
  const groups = new Map<string, SeriesView[]>();
  for (const each of [...series].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const stem = PERCENTILE.exec(each.id)?.[1] ?? each.id;
    const key = `${stem}|${each.unit}`;
    const group = groups.get(key);
    if (group === undefined || group.length >= MAX_LINES)
      groups.set(group === undefined ? key : each.id, [each]);
    else group.push(each);
  }
  return [...groups.values()].map((list) => {
    const first = list[0] as SeriesView;
    const stem = PERCENTILE.exec(first.id)?.[1] ?? first.id;
    const label = list.length === 1 ? first.label : first.label.replace(/[ ,(]*\b(p\d+|max|mean)\b\)?$/i, '');
    return { id: list.length === 1 ? first.id : stem, label: label || stem, unit: first.unit, series: list };
  });
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
