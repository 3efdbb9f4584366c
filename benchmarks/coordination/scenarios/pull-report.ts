/** What a pull of an image by many runtimes came to (coordination spec 25.2). */

import { percentile } from '../../harness/statistics.ts';
import type { CountersSummary } from '../lab/counters.ts';
import type { ImageFacts } from '../lab/images.ts';
import type { RuntimeRow } from '../lab/runtimes.ts';
import { count, type Findings, seconds } from './scenario.ts';

export class PullReport {
  readonly image: ImageFacts;
  readonly origin: CountersSummary;
  readonly rows: readonly RuntimeRow[];

  constructor(image: ImageFacts, origin: CountersSummary, rows: readonly RuntimeRow[]) {
    this.image = image;
    this.origin = origin;
    this.rows = rows;
  }

  /** Origin bytes for each byte of the image; 1 is ideal. */
  get copies(): number {
    return this.origin.bytes / this.image.bytes;
  }

  get gets(): number {
    return sum(Object.values(this.origin.digests).map(({ get }) => get));
  }

  get heads(): number {
    return sum(Object.values(this.origin.digests).map(({ head }) => head));
  }

  /** GETs beyond one for each distinct digest of the image. */
  get surplusGets(): number {
    return this.gets - this.image.digests.length;
  }

  /** Most GETs of one digest. */
  get mostGets(): number {
    return Math.max(0, ...Object.values(this.origin.digests).map(({ get }) => get));
  }

  getsOf(digest: string): number {
    return this.origin.digests[digest]?.get ?? 0;
  }

  /** Runtimes that do not have the image. */
  get failed(): number {
    return this.rows.filter(({ error }) => error !== undefined).length;
  }

  /** Complete bodies that were not what their digest says. */
  get wrong(): number {
    return sum(this.rows.map(({ wrong }) => wrong));
  }

  /** Attempts that failed, of all runtimes. */
  get failures(): readonly string[] {
    return this.rows.flatMap(({ failures }) => failures);
  }

  /** Pull times in milliseconds. */
  get times(): readonly number[] {
    return this.rows.map(({ ms }) => ms);
  }

  ms(fraction: number): number {
    return percentile(this.times, fraction);
  }

  get lastMs(): number {
    return Math.max(...this.times);
  }

  /** How often each number of GETs of a digest occurred: `1 x 8, 2 x 1`. */
  get distribution(): string {
    const byGets = new Map<number, number>();
    for (const digest of this.image.digests) {
      const gets = this.getsOf(digest);
      byGets.set(gets, (byGets.get(gets) ?? 0) + 1);
    }
    return [...byGets]
      .sort(([left], [right]) => left - right)
      .map(([gets, digests]) => `${gets} x ${digests}`)
      .join(', ');
  }

  /** In what the notes begin with. */
  get summary(): string {
    const { image, rows, origin } = this;
    const size = `${image.bytes} bytes (${(image.bytes / 1e9).toFixed(3)} GB) in ${image.digests.length} objects`;
    return `${rows.length} runtimes, ${size}; origin: ${origin.requests} requests, ${origin.bytes} bytes, GETs of a digest: ${this.distribution}`;
  }

  /** The findings that every pull has, their names after a prefix. */
  findings(prefix = ''): Findings {
    const note = this.summary;
    const failures = this.failures.length === 0 ? '' : `; attempts that failed: ${tally(this.failures)}`;
    const errors = this.rows.flatMap(({ error }) => (error === undefined ? [] : [error]));
    return {
      [`${prefix}copies`]: count(this.copies, note, 'copies'),
      [`${prefix}surplus_gets`]: count(this.surplusGets, `${note}`, 'GETs'),
      [`${prefix}heads`]: count(this.heads, note, 'HEADs'),
      [`${prefix}failed`]: count(this.failed, `${tally(errors)}${failures}`, 'runtimes'),
      [`${prefix}wrong`]: count(this.wrong, 'complete bodies with another digest', 'bodies'),
      [`${prefix}p50`]: seconds(this.ms(0.5), `pull time; ${note}`),
      [`${prefix}p95`]: seconds(this.ms(0.95), `pull time; ${note}`),
      [`${prefix}last`]: seconds(this.lastMs, `pull time of the last; ${note}`),
    };
  }
}

/** `2 x 503 for GET, 1 x a short body`. */
export function tally(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, times]) => `${times} x ${text}`).join(', ') || 'none';
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
