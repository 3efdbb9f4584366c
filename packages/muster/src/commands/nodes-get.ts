import { defineCommand } from '../cli/command.ts';
import { optionalCaller, withClient } from '../client/connect.ts';
import { NODE_ARGUMENT, nodeIdOf } from '../client/node-names.ts';
import { lookedUpJson, nodeFacts } from '../client/show-node.ts';
import { clientSettings } from '../settings/client-settings.ts';

export const get = defineCommand({
  name: 'get',
  summary: 'Show what anybody may know of a node.',
  arguments: [{ ...NODE_ARGUMENT, required: true }],
  settings: clientSettings,
  examples: ['nodes get alpha', 'nodes get 7 --json'],
  run: async (context) => {
    const caller = await optionalCaller(context);
    await withClient(context, caller, async (client) => {
      const id = await nodeIdOf(client, context.arguments[0] ?? '');
      const node = await client.lookup(id, { full: true });
      context.print(lookedUpJson(node), nodeFacts(node, Date.now()));
    });
    return undefined;
  },
});
