import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colour, onThemeChange } from '../browser/theme.ts';
import { figure } from '../model/format.ts';

/** Times in milliseconds, then one list of values for each line. */
export type PlotData = readonly [at: readonly number[], ...lines: readonly (readonly (number | null)[])[]];

const LINE_COLOURS = ['plot-1', 'plot-2', 'plot-3', 'plot-4', 'plot-5', 'plot-6'];
/** Lines differ by dashes too, not only by colour. */
const DASHES: readonly number[][] = [[], [6, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 2]];

interface PlotProps {
  readonly label: string;
  readonly unit: string;
  readonly data: PlotData;
  readonly names: readonly string[];
  /** Of the values; by itself, from zero, when it is left out. */
  readonly range?: readonly [number, number] | undefined;
  readonly height?: number;
  /** A value holds until the next, instead of a straight line to it. */
  readonly isHeld?: boolean;
}

/** Lines over time, with a legend, and the latest figures in words for who cannot see them. */
export function Plot({
  label,
  unit,
  data,
  names,
  range,
  height = 150,
  isHeld = false,
}: PlotProps): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(null);
  const latest = useRef(data);
  latest.current = data;
  const shape = `${unit}|${names.join('|')}|${range?.join() ?? ''}`;
  useLayoutEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      const options = optionsOf({ unit, names, range, width: element.clientWidth, height, isHeld });
      plot.current = new UPlot(options, plotted(latest.current), element);
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    const endTheme = onThemeChange(make);
    return () => {
      observer.disconnect();
      endTheme();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height]);
  useEffect(() => plot.current?.setData(plotted(data)), [data]);
  return (
    <figure class="plot" role="img" aria-label={`${label}. ${inWords(data, names, unit)}`}>
      <div ref={holder} aria-hidden="true" />
      <figcaption class="plot-legend" aria-hidden="true">
        {names.map((name, line) => (
          <span key={name} class="plot-key">
            <svg
              width="22"
              height="8"
              viewBox="0 0 22 8"
              class={`plot-line-${(line % LINE_COLOURS.length) + 1}`}
            >
              <line
                x1="0"
                y1="4"
                x2="22"
                y2="4"
                stroke-width="2"
                stroke-dasharray={DASHES[line % DASHES.length]?.join(' ')}
              />
            </svg>
            <bdi>{name}</bdi> <b>{figure(lastOf(data, line), unit)}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function plotted([at, ...lines]: PlotData): UPlot.AlignedData {
  return [at.map((time) => time / 1000), ...lines.map((line) => [...line])];
}

function lastOf(data: PlotData, line: number): number | undefined {
  return (
    (data[line + 1] as readonly (number | null)[] | undefined)?.findLast((value) => value !== null) ??
    undefined
  );
}

function inWords(data: PlotData, names: readonly string[], unit: string): string {
  return names
    .map((name, line) => {
      const values = ((data[line + 1] ?? []) as readonly (number | null)[]).filter((value) => value !== null);
      if (values.length === 0) return `${name}: no figures yet`;
      const [least, most] = [Math.min(...values), Math.max(...values)];
      return `${name}: now ${figure(values.at(-1), unit)}, from ${figure(least, unit)} to ${figure(most, unit)}`;
    })
    .join('; ');
}

function optionsOf({
  unit,
  names,
  range,
  width,
  height,
  isHeld,
}: Pick<PlotProps, 'unit' | 'names' | 'range'> & {
  readonly width: number;
  readonly height: number;
  readonly isHeld: boolean;
}): UPlot.Options {
  const { stepped } = UPlot.paths;
  const muted = colour('muted');
  const grid = { stroke: colour('line'), width: 1 };
  const font = '11px system-ui, sans-serif';
  return {
    width: Math.max(100, width),
    height,
    padding: [8, 30, 0, 0],
    legend: { show: false },
    cursor: { show: true, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      y: { range: (_, least, most) => (range === undefined ? niceRange(least, most) : [...range]) },
    },
    axes: [
      { stroke: muted, grid, ticks: grid, font, values: '{HH}:{mm}:{ss}', space: 70, size: 32 },
      {
        stroke: muted,
        grid,
        ticks: grid,
        font,
        size: 82,
        ...(isSize(unit) ? { incrs: SIZE_STEPS } : {}),
        values: (_, ticks) => ticks.map((tick) => tickText(tick, unit)),
      },
    ],
    series: [
      {},
      ...names.map((name, line) => ({
        label: name,
        stroke: colour(LINE_COLOURS[line % LINE_COLOURS.length] as string),
        dash: DASHES[line % DASHES.length] as number[],
        width: 1.5,
        spanGaps: true,
        ...(isHeld && stepped !== undefined ? { paths: stepped({ align: 1 }) } : {}),
        points: { show: false },
      })),
    ],
  };
}

/** Short, and the same for all ticks: no zeros that say nothing. */
function tickText(tick: number, unit: string): string {
  if (isSize(unit)) return figure(tick, unit).replace(/\.0+ /, ' ');
  return `${Number(tick.toFixed(3)).toLocaleString('en-GB')} ${unit}`.trim();
}

function isSize(unit: string): boolean {
  return unit === 'bytes' || unit === 'bytes/s' || unit === 'B' || unit === 'B/s';
}

/** Steps of an axis of sizes: round numbers of bytes, KiB, MiB and so on. */
const SIZE_STEPS = [0, 10, 20, 30, 40].flatMap((power) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((step) => step * 2 ** power),
);

function niceRange(least: number | null, most: number | null): [number, number] {
  const [low, high] = [Math.min(0, least ?? 0), Math.max(0, most ?? 0)];
  return low === high ? [0, 1] : [low, high + (high - low) * 0.08];
}
