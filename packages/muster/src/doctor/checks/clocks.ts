/**
 * Clocks. What is compared with times of others breaks when they are apart: heartbeats with a time and strict signatures are refused
 * beyond 60 s (registry spec 5, 7.3), records of the overlay seem expired or not yet written, certificates not yet valid.
 */
import { formatDuration } from '@muster/core';
import { count } from '../../cli/progress.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';

/** Beyond this registries refuse signatures and heartbeats that carry a time. */
export const REFUSED_SKEW_MS = 60_000;
/** Enough to make ages and orders of events misleading. */
export const NOTABLE_SKEW_MS = 2_000;
/** A wall clock that moves so much more or less than the monotonic one was set in between. */
export const STEP_MS = 250;
/** The wall clock can't be before this program was written. */
export const EARLIEST_MS = Date.UTC(2026, 0, 1);

const FIX =
  'Let a time service set the clock of both machines (systemd-timesyncd, chrony): timedatectl set-ntp true';

/** The two clocks of this machine, at the beginning and at the end of the examination. Milliseconds. */
export interface OwnClock {
  readonly wallBefore: number;
  readonly wallAfter: number;
  readonly monotonicBefore: number;
  readonly monotonicAfter: number;
}

/** A time that somebody told, and when we asked and heard. */
export interface ToldTime {
  readonly owner: string;
  /** Where it stood, such as `Date header`. */
  readonly where: string;
  readonly toldMs: number;
  /** By how much less the truth may have been told: 1000 for whole seconds. */
  readonly resolutionMs: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** The smallest difference of the clocks that explains what was told; positive: theirs is ahead. */
export function skewOf({ toldMs, resolutionMs, sentMs, receivedMs }: ToldTime): number {
  const least = toldMs - receivedMs;
  const most = toldMs + resolutionMs - sentMs;
  if (least > 0) return least;
  return most < 0 ? most : 0;
}

export function examineClocks(own: OwnClock, told: readonly ToldTime[]): readonly Finding[] {
  return [examineOwn(own), ...examineTold(told)];
}

function examineOwn({ wallBefore, wallAfter, monotonicBefore, monotonicAfter }: OwnClock): Finding {
  if (wallAfter < EARLIEST_MS) {
    return problem(
      'own clock',
      `it says ${new Date(wallAfter).toISOString()}, which is past`,
      'Set the clock, and let a time service keep it: timedatectl set-ntp true',
    );
  }
  const elapsed = monotonicAfter - monotonicBefore;
  const step = wallAfter - wallBefore - elapsed;
  if (Math.abs(step) >= STEP_MS) {
    return warning(
      'own clock',
      `within ${Math.round(elapsed)} ms it was set ${step > 0 ? 'forward' : 'back'} by ${Math.round(Math.abs(step))} ms`,
      'If that happens again: run one time service only, which slews the clock (chrony, systemd-timesyncd).',
    );
  }
  return ok(
    'own clock',
    `it runs with the monotonic clock: ${step.toFixed(1)} ms apart in ${Math.round(elapsed)} ms`,
  );
}

function examineTold(told: readonly ToldTime[]): readonly Finding[] {
  if (told.length === 0) return [];
  const apart = told.flatMap((each) => {
    const skew = skewOf(each);
    return Math.abs(skew) < NOTABLE_SKEW_MS ? [] : [{ each, skew }];
  });
  const together = told.length - apart.length;
  const good =
    together === 0
      ? []
      : [
          ok(
            'clocks',
            `${count(together, 'service tells', 'services tell')} our time, within ${NOTABLE_SKEW_MS / 1000} s`,
          ),
        ];
  return [
    ...good,
    ...apart.map(({ each, skew }) => {
      const amount = formatDuration(Math.round(Math.abs(skew) / 1000) * 1000);
      const found = `${each.where}: at least ${amount} ${skew > 0 ? 'ahead of' : 'behind'} this machine`;
      const what = `clock of ${each.owner}`;
      return Math.abs(skew) >= REFUSED_SKEW_MS
        ? problem(what, `${found}; signatures with a time are refused`, FIX)
        : warning(what, found, FIX);
    }),
  ];
}
