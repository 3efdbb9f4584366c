import { defineCommand } from '../cli/command.ts';
import { demosSettings } from '../settings/demos-settings.ts';

export const killRegistry = defineCommand({
  name: 'kill-registry',
  summary: 'The registry is killed; its peers are found all the same.',
  description:
    'Find a peer of the running fleet through the registry, kill the registry with SIGKILL, and find the peer again: the overlay ' +
    'answers, with a record that is signed by the registered key. A peer starts meanwhile and finds the others. Then the registry is ' +
    'started again, and has lost nothing that it had acknowledged. Exit code 13 when a check fails.',
  settings: demosSettings,
  examples: ['demo kill-registry', 'demo kill-registry --fleet /tmp/fleet --json'],
  run: async (context) => {
    const { runKillRegistry } = await import('../demos/run-kill-registry.ts');
    return await runKillRegistry(context);
  },
});
