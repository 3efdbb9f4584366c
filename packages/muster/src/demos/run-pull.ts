/** `muster demo pull`, wired. */
import type { CommandContext } from '../cli/command.ts';
import type { pullDemoSettings } from '../settings/demos-settings.ts';
import { HttpOrigin } from './adapters/http-origin.ts';
import { MirrorPuller } from './adapters/mirror-puller.ts';
import { OwnMirrors } from './adapters/own-mirrors.ts';
import { pull } from './pull.ts';
import { runDemo } from './run-demo.ts';

export async function runPullDemo(context: CommandContext<typeof pullDemoSettings>): Promise<number> {
  return await runDemo(context, 'pull', ({ fleet, control, signal }) =>
    pull(
      {
        control,
        origin: new HttpOrigin(fleet),
        puller: new MirrorPuller(fleet.origin.registry, signal),
        crowd: new OwnMirrors(fleet, signal),
      },
      { peers: context.values.peers },
    ),
  );
}
