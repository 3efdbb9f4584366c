import { defineCommand } from '../cli/command.ts';
import { registrySettings } from '../settings/registry-settings.ts';

export const dev = defineCommand({
  name: 'dev',
  summary: 'Run a registry to try things out.',
  description:
    'Run a registry on this machine to try things out: as `muster registry serve` does, and it makes an admin token in ' +
    'the data folder when none is configured.',
  settings: registrySettings,
  takesConfigFile: true,
  examples: ['dev', 'dev --registry-addr 127.0.0.1:9100 --data /tmp/muster'],
  run: async (context) => {
    // Loaded when it is needed: other commands are quicker, and smaller, without a registry.
    const { runRegistry } = await import('../serve/run-registry.ts');
    return await runRegistry(context, { makesAdminToken: true });
  },
});
