import { defineCommand } from '../cli/command.ts';
import { pullDemoSettings } from '../settings/demos-settings.ts';

export const pull = defineCommand({
  name: 'pull',
  summary: 'Many peers pull one image at once; the origin is asked for each digest once.',
  description:
    'Make an image that nobody has at the origin of the running fleet, have many mirrors pull it at the same moment, and count what ' +
    'the origin was asked for: each digest once. Then all pull it again: nothing. Mirrors that the fleet does not have run in the process of ' +
    'the demo and leave afterwards. Exit code 13 when a check fails.',
  settings: pullDemoSettings,
  examples: ['demo pull --peers 20', 'demo pull --peers 8 --fleet /tmp/fleet --json'],
  run: async (context) => {
    const { runPullDemo } = await import('../demos/run-pull.ts');
    return await runPullDemo(context);
  },
});
