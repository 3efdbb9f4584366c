import type { Digest } from '@muster/coordination';
import type { Fleet } from '../fleet.ts';
import { quantile, type Report } from '../scenarios/result.ts';

/**
 * Every digest ends up on every agent that wanted it, or fails with a reason. `mayFail` are the digests that may: of all
 * others, every wish must come true.
 */
export function checkWishes(fleet: Fleet, report: Report, mayFail: ReadonlySet<Digest> = new Set()): void {
  const { wishes } = fleet.world.ledger;
  const open = wishes.filter(({ outcome }) => outcome === undefined);
  const failed = wishes.filter(({ outcome, digest }) => outcome?.kind === 'failed' && !mayFail.has(digest));
  report.figure('wishes that never ended', open.length, 'wishes', { atMost: 0 });
  report.figure('wishes that failed', failed.length, 'wishes', { atMost: 0 });
  for (const { host, digest, codes } of failed.slice(0, 5))
    report.note(`${host} ${digest.slice(0, 15)}: ${codes.join(' ')}`);
  for (const { host, digest, codes } of open.slice(0, 5)) {
    report.note(`${host} ${digest.slice(0, 15)} never ended, after ${codes.join(' ') || 'no failure'}`);
  }
  const times = wishes.flatMap(({ outcome }) => (outcome?.kind === 'got' ? [outcome.ms] : []));
  report.figure('objects had', times.length, 'objects');
  if (times.length > 0) {
    report.figure('time of an object, p50', quantile(times, 0.5), 'ms');
    report.figure('time of an object, p99', quantile(times, 0.99), 'ms');
  }
  const refused = wishes.reduce((sum, { codes }) => sum + codes.length, 0);
  report.figure('refused requests', refused, 'requests');
  if (refused > 0) report.note(`refusals: ${tally(wishes.flatMap(({ codes }) => codes))}`);
}

/** `a 3, b 1`, the most frequent first. */
export function tally(values: Iterable<string | number>): string {
  const counts = new Map<string | number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([value, count]) => `${value}: ${count}`)
    .join(', ');
}
