import { defineCommand } from '../cli/command.ts';
import { devSettings } from '../settings/dev-settings.ts';

export const dev = defineCommand({
  name: 'dev',
  summary: 'Run a whole fleet on this machine, and a page to watch it.',
  description:
    'Run a fleet on this machine to try things out: a registry, two indexers, four nodes, four mirrors and an origin with a real ' +
    'image, each a process of its own, and a page that shows them. Everything is kept in one folder, and only programs of this ' +
    'machine can connect. SIGINT and SIGTERM stop it cleanly. `muster registry serve` runs a registry alone.',
  settings: devSettings,
  takesConfigFile: true,
  examples: ['dev', 'dev --data /tmp/fleet --page-port 0 --registry-port 0', 'dev --nodes 10 --mirrors 8'],
  run: async (context) => {
    // Loaded when it is needed: other commands are quicker, and smaller, without a fleet.
    const { runDev } = await import('../dev/run-dev.ts');
    return await runDev(context);
  },
});
