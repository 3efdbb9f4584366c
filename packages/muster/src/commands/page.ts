import { defineCommand } from '../cli/command.ts';
import { pageSettings } from '../settings/page-settings.ts';

export const serve = defineCommand({
  name: 'serve',
  summary: 'Serve the page that shows a fleet at work.',
  description:
    'Serve the page that shows a fleet at work: who is there, what nodes think of their indexers and why, what mirrors pull and ' +
    'from where, how safe the registry is. It asks the services that it is given, and changes nothing. `muster dev` has a page of ' +
    'its own.',
  settings: pageSettings,
  takesConfigFile: true,
  examples: [
    'page serve --registry-http 127.0.0.1:9001 --admin-token-file /etc/muster/admin-token',
    'page serve --status 127.0.0.1:9101 --status 127.0.0.1:9102 --mirror 127.0.0.1:9095 --port 8080',
  ],
  run: async (context) => {
    const { runPage } = await import('../fleet-view/run-page.ts');
    return await runPage(context);
  },
});
