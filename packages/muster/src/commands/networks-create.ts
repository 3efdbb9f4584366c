import { cliErrors } from '../cli/cli-errors.ts';
import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { requireCaller, withClient } from '../client/connect.ts';
import { networkSettings } from '../settings/network-settings.ts';

export const create = defineCommand({
  name: 'create',
  summary: 'Create a network, which nodes join.',
  description:
    'Create a network in a registry, for administrators. The node of --key owns it and is its first member: register it before. With ' +
    'the rule token, give a file of mode 0600 with --network-token-file; nodes and mirrors join with the same ' +
    '(--registry-network-token-file).',
  arguments: [{ name: 'name', description: 'Name of the network.', required: true }],
  settings: networkSettings,
  examples: [
    'networks create edge --admin-token-file muster-data/admin-token --network-token-file edge-token',
    'networks create lab --join-rule open --admin-token-file muster-data/admin-token',
  ],
  run: async (context) => {
    const { values } = context;
    const [name = ''] = context.arguments;
    const token = values.networkToken?.reveal();
    if (values.joinRule === 'token' && token === undefined) {
      throw cliErrors.create('USAGE', `nodes are to join ${name} with a token, and none is given`, {
        hint: 'Give a file that holds one with --network-token-file, or another --join-rule than token.',
      });
    }
    if (values.joinRule !== 'token' && token !== undefined)
      throw cliErrors.create('USAGE', `a network with the join rule ${values.joinRule} has no token`);
    const caller = await requireCaller(context);
    const { networkId } = await withClient(context, caller, (client) =>
      client.createNetwork({
        name,
        joinRule: values.joinRule as 'open' | 'token' | 'invite',
        nodeId: caller.nodeId,
        ...(token === undefined ? {} : { token }),
      }),
    );
    const made = { network: networkId, name, joinRule: values.joinRule, owner: caller.nodeId };
    context.print(
      made,
      facts([
        ['network', String(networkId)],
        ['name', name],
        ['join rule', values.joinRule],
        ['owner', `node ${caller.nodeId}`],
      ]),
    );
    return undefined;
  },
});
