import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { requireCaller, withClient } from '../client/connect.ts';
import { NODE_ARGUMENT, nodeIdOf } from '../client/node-names.ts';
import { clientSettings } from '../settings/client-settings.ts';

export const resolve = defineCommand({
  name: 'resolve',
  summary: 'Find out where to reach a node.',
  description:
    'Find out where to reach a node, for who may know: anybody if it is public, else nodes that it trusts and members of a ' +
    'network that both are in. Signed with the key of a registered node.',
  arguments: [{ ...NODE_ARGUMENT, required: true }],
  settings: clientSettings,
  examples: ['nodes resolve alpha'],
  run: async (context) => {
    const caller = await requireCaller(context);
    await withClient(context, caller, async (client) => {
      const id = await nodeIdOf(client, context.arguments[0] ?? '');
      const { raw: _, ...node } = await client.resolve(id);
      context.print(
        node,
        facts([
          ['id', String(node.nodeId)],
          ['real address', node.realAddress],
          ['at home', node.lanAddresses.length === 0 ? undefined : node.lanAddresses.join(', ')],
          ['relay only', node.relayOnly === true ? 'yes: this is its beacon' : undefined],
          ['key age', node.keyAgeDays === undefined ? undefined : `${node.keyAgeDays} days`],
        ]),
      );
    });
    return undefined;
  },
});
