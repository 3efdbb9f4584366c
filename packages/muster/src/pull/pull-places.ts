/** Whom a pull asks: as the settings say, else as the fleet that runs here has it. */
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';
import { readFleetFile, usualFleet } from '../fleet/fleet-files.ts';
import type { pullSettings } from '../settings/pull-settings.ts';
import type { Reference } from './reference.ts';
import type { OriginPlace } from './resolve-tag.ts';

type Context = Pick<CommandContext<typeof pullSettings>, 'values' | 'config'>;

export interface PullPlaces extends OriginPlace {
  /** `host:port` of the mirror. */
  readonly mirror: string;
}

/** Rejects FLEET_NOT_RUNNING, FLEET_FOLDER_DAMAGED; MIRROR_UNREACHABLE when no mirror of the fleet runs. */
export async function placesOf({ registry }: Reference, { values, config }: Context): Promise<PullPlaces> {
  const isGiven = (config.sources.get('mirror') ?? 'default') !== 'default';
  const fleet = await fleetOf(registry, values.fleet);
  const isItsOwn = fleet?.origin.registry === registry;
  return {
    mirror: fleet === undefined || isGiven ? values.mirror : mirrorOf(fleet),
    endpoint: values.origin ?? (isItsOwn ? fleet.origin.url : undefined),
    credentialsPath: values.credentials,
  };
}

/** The fleet that was named, or the one in the usual folder when the image is one of its origin. */
async function fleetOf(registry: string, folder: string | undefined): Promise<FleetFile | undefined> {
  if (folder !== undefined) return await readFleetFile(folder);
  const fleet = await usualFleet();
  return fleet?.origin.registry === registry ? fleet : undefined;
}

function mirrorOf({ folder, members }: FleetFile): string {
  const running = members.find(({ state, mirror }) => state === 'running' && mirror !== undefined);
  if (running?.mirror !== undefined) return running.mirror;
  throw cliErrors.create('MIRROR_UNREACHABLE', `no mirror of the fleet in ${folder} runs`, {
    hint: 'Start the fleet with mirrors (--mirrors 4 is usual), or name another mirror with --mirror.',
  });
}
