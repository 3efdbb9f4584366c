import { defineCommand } from '../cli/command.ts';
import { demosSettings } from '../settings/demos-settings.ts';

export const partition = defineCommand({
  name: 'partition',
  summary: 'The fleet falls into two halves and becomes one again.',
  description:
    'Cut the running fleet into two halves that cannot reach one another, first with the registry reachable from both, then from one ' +
    'only; pull on both sides at once, and count what the origin was asked for: each digest once a half at most, and with the registry never ' +
    'by both at the same time. Heal the cut, and what one half has comes to the other without the origin. Exit code 13 when a check fails.',
  settings: demosSettings,
  examples: ['demo partition', 'demo partition --fleet /tmp/fleet --json'],
  run: async (context) => {
    const { runPartition } = await import('../demos/run-partition.ts');
    return await runPartition(context);
  },
});
