/**
 * The table of coordination spec 25.5: direct pulls, this implementation, and what the reference has published of its own run
 * with twenty nodes (25.1). Figures of others are theirs: another machine, another network, another image; they are shown as
 * published, and where a figure grows with the image, for the size of ours, too.
 */

import { formatValue, type Result } from '../harness/results.ts';

/** A figure as it was published, for the bytes of the image that the reference pulled. */
interface Published {
  readonly direct: number | string;
  readonly fleet: number | string;
  /** It grows with the image: so it is also given for the size of ours. */
  readonly isScaled?: boolean;
}

interface Row {
  readonly title: string;
  /** Of the results, after `comparison.direct.` and `comparison.fleet.`. */
  readonly name: string;
  readonly published: Published;
}

/**
 * The image of the published run, as far as its nodes did not have it before: what the origin sent with agents, which by its
 * own counters read each digest once.
 */
const PUBLISHED_IMAGE_BYTES = 1_074_071_395;
const NOT_PUBLISHED = 'not published';
const NONE = { direct: NOT_PUBLISHED, fleet: NOT_PUBLISHED };

const ROWS: readonly Row[] = [
  { title: 'requests at the origin', name: 'requests', published: { direct: 121, fleet: 20 } },
  {
    title: 'bytes from the origin',
    name: 'bytes',
    published: { direct: 28_999_927_790, fleet: PUBLISHED_IMAGE_BYTES, isScaled: true },
  },
  { title: 'copies', name: 'copies', published: { direct: '27 (with retries)', fleet: '1 (inferred)' } },
  { title: 'bytes saved, %', name: 'saving', published: { direct: '', fleet: 96.3 } },
  {
    title: 'pull time p50, s',
    name: 'p50',
    published: { direct: '23 (start of a pod)', fleet: '32.3 (start of a pod)' },
  },
  { title: 'pull time p95, s', name: 'p95', published: NONE },
  { title: 'copies between nodes that succeeded', name: 'peer_hits', published: { direct: '', fleet: 21 } },
  { title: 'copies between nodes, tried', name: 'peer_attempts', published: { direct: '', fleet: 41 } },
  { title: 'coordination calls a node', name: 'calls', published: { ...NONE, direct: '' } },
  { title: 'peak memory of an agent, MiB', name: 'peak', published: { ...NONE, direct: '' } },
];

/** Rows that only a fleet has. */
const FLEET_ONLY: ReadonlySet<string> = new Set(['saving', 'peer_hits', 'peer_attempts', 'calls', 'peak']);

const BEGIN = '<!-- comparison: written by write-comparison.ts -->';
const END = '<!-- end of the comparison -->';

/** The table in Markdown. Throws an error that names the figures that the results lack. */
export function comparisonTable(results: readonly Result[]): string {
  const byId = new Map(results.map((result) => [result.id, result]));
  const missing = ROWS.flatMap(({ name }) => idsOf(name)).filter((id) => !byId.has(id));
  const image = byId.get('comparison.fleet.image');
  if (image === undefined) missing.unshift('comparison.fleet.image');
  if (missing.length > 0 || image === undefined) {
    throw new Error(
      `figures are missing: ${missing.join(', ')}; npm run bench -- coordination --only comparison`,
    );
  }
  const [runtimes = '', command = '', machine = ''] = image.note.split('; ').slice(-3);
  const own = (id: string): string => {
    const value = byId.get(id)?.value;
    return value === undefined ? '' : formatValue(value);
  };
  const rows = ROWS.map(({ title, name, published }) => {
    const { direct, fleet, isScaled = false } = published;
    const theirs = [direct, fleet].map((value) => (isScaled ? scaledText(value, image.value) : text(value)));
    const cells = [title, own(`comparison.direct.${name}`), own(`comparison.fleet.${name}`), ...theirs];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `${runtimes}: ${formatValue(image.value)} bytes. Command: \`${command}\`. Machine: ${machine}.`,
    '',
    '| | direct pulls | Muster | reference, direct (published) | reference, with agents (published) |',
    '|---|---:|---:|---:|---:|',
    ...rows,
  ].join('\n');
}

/** The page with the table between its two marks; they are put at its end when it has none. */
export function withComparison(page: string, results: readonly Result[]): string {
  const table = comparisonTable(results);
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 && end < 0) return `${page.trimEnd()}\n\n${BEGIN}\n\n${table}\n\n${END}\n`;
  if (begin < 0 || end < begin) throw new Error('the page has one mark of the comparison only');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

function idsOf(name: string): readonly string[] {
  const fleet = `comparison.fleet.${name}`;
  return FLEET_ONLY.has(name) ? [fleet] : [`comparison.direct.${name}`, fleet];
}

function text(value: number | string): string {
  return typeof value === 'string' ? value : formatValue(value);
}

function scaledText(value: number | string, imageBytes: number): string {
  if (typeof value === 'string') return value;
  const scaled = Math.round((value * imageBytes) / PUBLISHED_IMAGE_BYTES);
  return `${formatValue(value)}; scaled to this image: ${formatValue(scaled)}`;
}
