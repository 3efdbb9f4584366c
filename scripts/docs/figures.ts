/** The figures of README.md, taken from the results of the benchmark. */
import { table } from './pages.ts';

const BEGIN = '<!-- figures: written by `npm run docs` from benchmarks/registry/RESULTS.md -->';
const END = '<!-- end of figures -->';

/** What README.md shows, by the id in the results. */
const SHOWN: Readonly<Record<string, string>> = {
  'heartbeat.unpipelined': 'heartbeats, 64 connections, one at a time',
  'heartbeat.unpipelined.ratio': '… times a plain echo server in Go',
  'heartbeat.pipelined16': 'heartbeats, 64 connections, 16 deep',
  'heartbeat.pipelined16.ratio': '… times the echo',
  'lookup.pipelined16': 'lookups among 200,000 nodes, 16 deep',
  'lookup.pipelined16.ratio': '… times the echo',
  'register.durable.1000clients': 'registrations with new keys, on the disk, 1,000 clients',
  'write.latency.added.ratio': 'what durability adds to a write, times one write and sync of the disk',
  'log.append': 'events on the disk, the log alone, 1,000 writers',
  'list.45000.first_byte': 'first byte of a list of 45,000 members, 99th percentile under load',
  'memory.1m': 'memory with 1,000,000 nodes',
  'ready.1m': 'start with 1,000,000 nodes',
  'stall.snapshot.1m': 'longest pause while a snapshot of them is written',
  'idle.connection_heap': 'heap of an idle connection',
};

interface Figure {
  readonly value: string;
  readonly unit: string;
  readonly target: string;
  readonly verdict: string;
}

/** The figures in a page of results, by id. */
export function figuresOf(results: string): ReadonlyMap<string, Figure> {
  const figures = new Map<string, Figure>();
  for (const line of results.split('\n')) {
    const [, id, value = '', unit = '', target = '', verdict = ''] =
      /^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|/.exec(line) ?? [];
    if (id === undefined) continue;
    figures.set(id, {
      value: value.trim(),
      unit: unit.trim(),
      target: target.trim(),
      verdict: verdict.trim(),
    });
  }
  return figures;
}

/**
 * README.md with the figures of the results in it. Throws when the page has no place for them, or the results lack one.
 */
export function withFigures(readme: string, results: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} … ${END}`);
  const figures = figuresOf(results);
  const rows = Object.entries(SHOWN).map(([id, what]) => {
    const figure = figures.get(id);
    if (figure === undefined) throw new Error(`benchmarks/registry/RESULTS.md lacks ${id}`);
    const { value, unit, target, verdict } = figure;
    return [what, `${value} ${unit}`, target, verdict === 'MISS' ? '**missed**' : verdict];
  });
  const text = table(['What', 'Measured', 'Target', ''], rows);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${text}\n\n${readme.slice(end)}`;
}
