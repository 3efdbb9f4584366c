import { cliErrors } from '../cli/cli-errors.ts';
import { defineCommand } from '../cli/command.ts';
import { joinSettings } from '../settings/join-settings.ts';

export const join = defineCommand({
  name: 'join',
  summary: 'Join a running fleet with the line that it printed, as another node.',
  description:
    'Join a fleet of `muster dev` on this machine with the line that it printed: make a key, register it, get the pre-shared key, ' +
    'and run a node until it is stopped. A line is good for one peer, for ten minutes; --new-line prints another one. When it comes ' +
    'to nothing, nothing of it is kept. At a clean stop the peer leaves the fleet.',
  arguments: [{ name: 'line', description: 'The line: mst1. and what follows.', required: false }],
  settings: joinSettings,
  examples: ['join mst1.6pvxQYahdSiVNXOW…', 'join mst1.6pvxQYahdSiVNXOW… --name echo', 'join --new-line'],
  run: async (context) => {
    if (context.values.newLine) {
      const { printNewLine } = await import('../join/new-line.ts');
      await printNewLine(context);
      return undefined;
    }
    if (context.arguments.length === 0) {
      throw cliErrors.create('USAGE', 'a join line is missing', {
        hint: 'The fleet prints one when it starts; --new-line prints another one.',
      });
    }
    const { runJoin } = await import('../join/run-join.ts');
    return await runJoin(context);
  },
});
