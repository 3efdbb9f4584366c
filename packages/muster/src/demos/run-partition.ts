/** `muster demo partition`, wired. */
import type { CommandContext } from '../cli/command.ts';
import type { demosSettings } from '../settings/demos-settings.ts';
import { FleetFinder } from './adapters/fleet-finder.ts';
import { HttpOrigin } from './adapters/http-origin.ts';
import { MirrorPuller } from './adapters/mirror-puller.ts';
import { StatusScores } from './adapters/status-scores.ts';
import { partition } from './partition.ts';
import { runDemo } from './run-demo.ts';

export async function runPartition(context: CommandContext<typeof demosSettings>): Promise<number> {
  return await runDemo(context, 'partition', ({ fleet, control, signal }) =>
    partition({
      control,
      finder: new FleetFinder(fleet, signal),
      origin: new HttpOrigin(fleet),
      puller: new MirrorPuller(fleet.origin.registry, signal),
      watch: new StatusScores(),
    }),
  );
}
