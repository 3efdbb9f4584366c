/** Whom a demo works with, and that they run. */
import { count } from '../cli/progress.ts';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import type { FleetFile, FleetMember, FleetRole } from '../fleet/fleet-file.ts';
import type { FleetControl } from './ports.ts';
import type { Story } from './story.ts';

/** How long members may take that are being started. */
const START_MS = 60_000;

/** The fleet with everybody in it running: who was dead or paused is started, and it is said. */
export async function wholeFleet(story: Story, control: FleetControl): Promise<FleetFile> {
  const { members } = (await story.until(START_MS, () => settled(control))) ?? (await control.fleet());
  for (const { name, state } of members) {
    if (state === 'running') continue;
    story.step(`${name} is ${state}: it is started first.`);
    if (state === 'paused') await control.resume(name);
    else await control.restart(name);
  }
  return await control.fleet();
}

/** The fleet when nobody in it is just being started. */
async function settled(control: FleetControl): Promise<FleetFile | undefined> {
  const fleet = await control.fleet();
  return fleet.members.some(({ state }) => state === 'starting') ? undefined : fleet;
}

/** Members of a role. Rejects FLEET_MEMBER_UNKNOWN when there are fewer than the demo needs. */
export function membersOf(
  fleet: Pick<FleetFile, 'members'>,
  role: FleetRole,
  atLeast = 1,
): readonly FleetMember[] {
  const found = fleet.members.filter((member) => member.role === role && member.misbehaves === undefined);
  if (found.length >= atLeast) return found;
  // A demo tells what it found, not what could be done about it: that is in the text.
  const flag = role === 'registry' || role === 'origin' ? '' : `: muster dev --${role}s ${atLeast}`;
  throw fleetErrors.create(
    'FLEET_MEMBER_UNKNOWN',
    `the fleet has ${count(found.length, role)}, and this demo needs at least ${atLeast}${flag}`,
    { hint: 'Start the fleet with more members, or with its defaults.', details: { role } },
  );
}

/** The first member of a role. */
export function memberOf(fleet: Pick<FleetFile, 'members'>, role: FleetRole): FleetMember {
  return membersOf(fleet, role)[0] as FleetMember;
}
