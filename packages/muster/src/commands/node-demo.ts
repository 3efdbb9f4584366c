import { defineCommand } from '../cli/command.ts';
import { runDemo } from '../demo/run-demo.ts';
import { demoSettings } from '../settings/demo-settings.ts';

export const demo = defineCommand({
  name: 'demo',
  summary: 'Run a whole fleet on this machine to try things out.',
  description:
    'Run indexers and nodes on this machine, with keys and a pre-shared key of their own: two indexers that know each other, and ' +
    'two nodes that each know one of them, unless other numbers are given. They find one another, and can be searched. All run ' +
    'in this one process; with --processes each is a process of its own that you can kill.',
  settings: demoSettings,
  examples: ['node demo', 'node demo --indexers 5 --nodes 20', 'node demo --processes'],
  run: async (context) => await runDemo(context),
});
