import { defineCommand } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { optionalCaller, withClient } from '../client/connect.ts';
import { nodeJson, nodeTable } from '../client/show-node.ts';
import { clientSettings } from '../settings/client-settings.ts';
import { NETWORK_OPERAND, networkOf } from './network-operand.ts';

/** A list of more nodes than this comes in several answers. */
const PAGE_SIZE = 10_000;

export const list = defineCommand({
  name: 'list',
  summary: 'List the nodes of a network, or all of them.',
  settings: clientSettings,
  operands: [NETWORK_OPERAND],
  examples: ['nodes list --admin-token-file muster-data/admin-token', 'nodes list --network 3 --json'],
  run: async (context) => {
    const network = networkOf(context);
    const caller = await optionalCaller(context);
    const { nodes } = await withClient(context, caller, (client) =>
      client.listNodes(network, { pageSize: PAGE_SIZE }),
    );
    context.print(
      { network, nodes: nodes.map(nodeJson) },
      nodes.length === 0 ? 'no nodes' : `${nodeTable(nodes, Date.now())}\n${count(nodes.length, 'node')}`,
    );
    return undefined;
  },
});
