import { defineCommand } from '../cli/command.ts';
import { liarDemoSettings } from '../settings/demos-settings.ts';

export const liar = defineCommand({
  name: 'liar',
  summary: 'An indexer joins that lies; its score falls until it is out.',
  description:
    'Add an indexer to the running fleet that lies: after some honest answers it denies the nodes that it has, finds nothing in the ' +
    'hash table, and tells each peer other figures. Shows how the honest peers measure it, term by term, until it is out of at least 95 % ' +
    'of their pools, and that no honest indexer is. Then it is removed. Exit code 13 when a check fails.',
  settings: liarDemoSettings,
  examples: ['demo liar', 'demo liar --fleet /tmp/fleet --json'],
  run: async (context) => {
    const [{ runDemo }, { liar: script }, { StatusScores }] = await Promise.all([
      import('../demos/run-demo.ts'),
      import('../demos/liar.ts'),
      import('../demos/adapters/status-scores.ts'),
    ]);
    return await runDemo(context, 'liar', ({ control }) =>
      script({
        control,
        watch: new StatusScores(),
        name: `liar-${Date.now().toString(36)}`,
        withinMs: context.values.withinMs,
      }),
    );
  },
});
