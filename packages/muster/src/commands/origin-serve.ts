import { defineCommand } from '../cli/command.ts';
import { originSettings } from '../settings/origin-settings.ts';

export const serve = defineCommand({
  name: 'serve',
  summary: 'Run a registry of one made-up image, to pull from and to count pulls.',
  description:
    'Run a registry that images can be pulled from: a real image is made on the spot. It counts what it is asked for ' +
    '(GET /counts), which shows that mirrors ask once. `muster dev` runs one. For trying things out: there is no TLS, and ' +
    'everybody who reaches it may pull.',
  settings: originSettings,
  examples: ['origin serve --listen 127.0.0.1:5555', 'origin serve --rate 8MiB --layers 8'],
  run: async (context) => {
    const { runOrigin } = await import('../fleet/origin/run-origin.ts');
    return await runOrigin(context);
  },
});
