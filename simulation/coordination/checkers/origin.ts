import type { Digest } from '@muster/coordination';
import type { Fleet } from '../fleet.ts';
import type { Report, Target } from '../scenarios/result.ts';
import { tally } from './wishes.ts';

export interface OriginTargets {
  /** Reads of one digest. */
  readonly reads?: Target;
  /** Bytes that the origin has sent, in images. */
  readonly copies?: Target;
  readonly heads?: Target;
}

/** How often the origin was read for each digest, and how much it has sent. Prints the distribution. */
export function checkOrigin(
  fleet: Fleet,
  report: Report,
  digests: readonly Digest[],
  { reads = { atMost: 1 }, copies = {}, heads = { atMost: 0 } }: OriginTargets = {},
): void {
  const { origin, ledger } = fleet.world;
  const unique = [...new Set(digests)];
  const counts = unique.map((digest) => origin.count(digest));
  // An object of which peers gave the beginning is a read, too: what counts is that somebody went there.
  const pulls = unique.map((digest, index) =>
    Math.max(counts[index]?.reads ?? 0, ledger.pullsStarted.get(digest) ?? 0),
  );
  report.figure('origin pulls per digest, most', Math.max(0, ...pulls), 'pulls', reads);
  report.note(`origin pulls per digest: ${distribution(pulls)}`);
  const bytes = counts.reduce((sum, count) => sum + count.bytes, 0);
  const size = unique.reduce((sum, digest) => sum + (origin.objectOf(digest)?.body.length ?? 0), 0);
  report.figure('copies read from the origin', size === 0 ? 0 : bytes / size, 'images', copies);
  report.figure('GETs at the origin', sum(counts.map(({ gets }) => gets)), 'requests');
  report.figure('HEADs at the origin', sum(counts.map((count) => count.heads)), 'requests', heads);
}

/** `1 pull: 12 digests, 2 pulls: 1 digests`. */
function distribution(pulls: readonly number[]): string {
  return tally(pulls.map((count) => `${count} x`));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
