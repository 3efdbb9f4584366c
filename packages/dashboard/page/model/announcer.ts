import type { HappeningView } from '../../src/protocol/fleet-view.ts';
import { plural } from './format.ts';
import { shown } from './text.ts';

/** Between two announcements: a screen reader that never stops speaking says nothing. */
export const ANNOUNCE_EVERY_MS = 5_000;

export interface Announcer {
  /** Number of the last happening that was considered. */
  readonly seq: number;
  readonly lastAt: number;
  readonly waiting: readonly string[];
}

export const SILENT: Announcer = { seq: -1, lastAt: -Infinity, waiting: [] };

/**
 * What is to be spoken now of what has happened: warnings and errors that are new, at most one sentence every five seconds.
 * What is there at the first call has happened before and is not spoken.
 */
export function announce(
  announcer: Announcer,
  happenings: readonly HappeningView[],
  now: number,
): { readonly announcer: Announcer; readonly text: string | undefined } {
  const newest = happenings[0]?.seq ?? announcer.seq;
  if (announcer.seq === -1 || newest < announcer.seq)
    return { announcer: { ...announcer, seq: newest, waiting: [] }, text: undefined };
  const fresh = happenings
    .filter(({ seq, severity }) => seq > announcer.seq && severity !== 'info')
    .map(({ text }) => shown(text, 160));
  const waiting = [...announcer.waiting, ...fresh.toReversed()];
  if (waiting.length === 0 || now - announcer.lastAt < ANNOUNCE_EVERY_MS)
    return { announcer: { ...announcer, seq: newest, waiting: waiting.slice(-50) }, text: undefined };
  const last = waiting.at(-1) as string;
  const text = waiting.length === 1 ? last : `${last} And ${plural(waiting.length - 1, 'earlier event')}.`;
  return { announcer: { seq: newest, lastAt: now, waiting: [] }, text };
}
