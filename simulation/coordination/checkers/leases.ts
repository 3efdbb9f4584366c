import { type Digest, pullResource } from '@muster/coordination';
import type { LocalRegistry } from '@muster/registry';
import type { Fleet } from '../fleet.ts';
import type { Report } from '../scenarios/result.ts';
import { tally } from './wishes.ts';

/**
 * With leases, each object is pulled from the origin with success exactly once. Another success is allowed only after a holder has
 * gone without giving its lease back (killed, frozen, or cut off from the registry): whether it had done the work cannot be known.
 * Such pulls are counted by themselves. That nobody reads without a lease, and that no two have the same one at a time, is checked
 * while the fleet runs (`leases/lease-book.ts`).
 */
export function checkLeases(fleet: Fleet, report: Report, digests: readonly Digest[]): void {
  const { registry } = fleet.world;
  if (registry === undefined) throw new Error('the fleet has no leases');
  const { book, sim } = registry;
  const unique = [...new Set(digests)];
  const counts = unique.map((digest) => book.count(digest));
  const gone = unique.map((digest) => goneHolders(sim.local, digest));
  const succeeded = counts.map(({ succeeded: count }) => count);
  const extra = counts.map(({ succeeded: count }, at) => Math.max(0, count - 1 - (gone[at] ?? 0)));
  const isQuiet = counts.filter((_, at) => gone[at] === 0).map(({ succeeded: count }) => count);
  report.figure('successful pulls per digest, least', Math.min(...succeeded), 'pulls', { atLeast: 1 });
  report.figure(
    'successful pulls per digest, most, no holder having gone',
    Math.max(0, ...isQuiet),
    'pulls',
    {
      atMost: 1,
    },
  );
  report.figure('successful pulls beyond one and those after a holder had gone', sum(extra), 'pulls', {
    atMost: 0,
  });
  report.figure('holders that went without giving the lease back', sum(gone), 'holders');
  report.figure('digests pulled again after that', succeeded.filter((count) => count > 1).length, 'digests');
  report.figure(
    'leases granted in spite of a pull that was done',
    sum(counts.map((c) => c.repeats)),
    'leases',
  );
  report.figure('leases left at the registry', sim.local.directory.leases.held.size, 'leases', { atMost: 0 });
  report.note(`successful pulls per digest: ${tally(succeeded.map((count) => `${count} x`))}`);
  report.note(
    `leases: ${sum(counts.map((c) => c.granted))} granted, ${book.held} held by others, ${book.done} done by others, ` +
      `${book.lost} lost, ${book.unavailable} times unavailable; last token ${sim.local.directory.leases.lastToken}`,
  );
}

/** Leases of the object that have ended without having been given back, by the events of the registry. */
function goneHolders(registry: LocalRegistry, digest: Digest): number {
  let gone = 0;
  for (const event of registry.events()) {
    if (event.type === 'lease.granted' && event.resource.endsWith(pullResource(digest))) gone += 1;
    if (event.type !== 'lease.released' || event.why === 'expired') continue;
    if (event.resource.endsWith(pullResource(digest))) gone -= 1;
  }
  return gone;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
