import { defineCommand } from '../cli/command.ts';
import {
  type Caller,
  keyPathOf,
  optionalCaller,
  registryAddress,
  requireCaller,
  withClient,
} from '../client/connect.ts';
import { noteNodeId } from '../client/key-files.ts';
import { NODE_ARGUMENT, nodeIdOf } from '../client/node-names.ts';
import { clientSettings } from '../settings/client-settings.ts';

export const deregister = defineCommand({
  name: 'deregister',
  summary: 'Take a node out of the directory.',
  description:
    'Take a node out of the directory and of all its networks. Without a name it is the node of the key; an administrator ' +
    'may name any. The key keeps its id, for when it registers again.',
  arguments: [{ ...NODE_ARGUMENT, required: false }],
  settings: clientSettings,
  examples: ['nodes deregister', 'nodes deregister 7 --admin-token-file muster-data/admin-token'],
  run: async (context) => {
    const { values } = context;
    const name = context.arguments[0];
    const caller: Caller = name === undefined ? await requireCaller(context) : await optionalCaller(context);
    await withClient(context, caller, async (client) => {
      const nodeId = name === undefined ? (caller.nodeId ?? 0) : await nodeIdOf(client, name);
      await client.deregister({ nodeId });
      if (nodeId === caller.nodeId) {
        await noteNodeId(keyPathOf(context), registryAddress(values), undefined);
      }
      context.print({ nodeId, deregistered: true }, `node ${nodeId} is deregistered`);
    });
    return undefined;
  },
});
