/**
 * An indexer that lies, for `muster demo liar`: the real daemon, whose answers are altered on their way out. It behaves until it is
 * believed, and then
 *
 * * denies the nodes that it has (discovery spec 30, M-06 a),
 * * finds nothing in the hash table, and keeps what it is given to itself (M-06 b),
 * * tells each peer another fill rate and another time of its start (M-06 c).
 *
 * Only a fleet under supervision may have one: it is refused in any other process.
 */
import type { Clock } from '@muster/core';
import type { Overlay } from '@muster/discovery';
import type { HostOptions } from '@muster/discovery/host';
import { cliErrors } from '../cli/cli-errors.ts';

/** Honest answers to each peer before the first lie. */
const HONEST_ANSWERS = 3;

/** What `MUSTER_MISBEHAVE` may say. */
export type Misbehaviour = 'lie';

/**
 * How the process is to misbehave; undefined: not at all, as everywhere but in a demo. Throws USAGE when nobody supervises it, or
 * for another word.
 */
export function misbehaviourOf(
  environment: Readonly<Record<string, string | undefined>>,
): Misbehaviour | undefined {
  const asked = environment['MUSTER_MISBEHAVE'] ?? '';
  if (asked === '') return undefined;
  if (asked !== 'lie')
    throw cliErrors.create('USAGE', `MUSTER_MISBEHAVE=${JSON.stringify(asked)}: only lie is known`);
  if (environment['MUSTER_SUPERVISED'] === '1') return asked;
  throw cliErrors.create('USAGE', 'MUSTER_MISBEHAVE is for members of `muster dev` only', {
    hint: 'Remove the variable from the environment. `muster demo liar` shows what a lying indexer comes to.',
  });
}

/** What alters the overlay of a liar. */
export async function liarOverlay(clock: Clock): Promise<NonNullable<HostOptions['alterOverlay']>> {
  const { allOf, denial, manyBirths, noDht, noSearch, onceBelieved, TamperedOverlay, twoFaces } =
    await import('@muster/discovery/misbehaviour');
  const lies = allOf(
    denial(),
    noDht(),
    noSearch(),
    twoFaces(),
    manyBirths(() => clock.now()),
  );
  return (overlay: Overlay) => new TamperedOverlay(overlay, onceBelieved(HONEST_ANSWERS, lies));
}
