/** `muster demo kill-registry`, wired. */
import type { CommandContext } from '../cli/command.ts';
import type { demosSettings } from '../settings/demos-settings.ts';
import { FleetFinder } from './adapters/fleet-finder.ts';
import { ClientRoll } from './adapters/registry-roll.ts';
import { killRegistry } from './kill-registry.ts';
import { runDemo } from './run-demo.ts';

export async function runKillRegistry(context: CommandContext<typeof demosSettings>): Promise<number> {
  return await runDemo(context, 'kill-registry', ({ fleet, control, signal }) =>
    killRegistry({
      control,
      finder: new FleetFinder(fleet, signal),
      roll: new ClientRoll(fleet),
    }),
  );
}
