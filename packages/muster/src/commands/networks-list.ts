import { defineCommand } from '../cli/command.ts';
import { table } from '../cli/table.ts';
import { optionalCaller, withClient } from '../client/connect.ts';
import { clientSettings } from '../settings/client-settings.ts';

export const list = defineCommand({
  name: 'list',
  summary: 'List the networks of a registry.',
  settings: clientSettings,
  examples: ['networks list', 'networks list --admin-token-file muster-data/admin-token --json'],
  run: async (context) => {
    const caller = await optionalCaller(context);
    const asAdministrator = context.values.adminToken !== undefined;
    const { networks } = await withClient(context, caller, (client) =>
      client.listNetworks({ asAdministrator }),
    );
    const rows = networks.map(({ networkId, name, joinRule, memberCount }) => [
      String(networkId),
      name,
      joinRule,
      memberCount === undefined ? '' : String(memberCount),
    ]);
    const shown = networks.map(({ networkId: network, name, joinRule, memberCount }) => ({
      network,
      name,
      joinRule,
      ...(memberCount === undefined ? {} : { members: memberCount }),
    }));
    context.print({ networks: shown }, table(['ID', 'NAME', 'JOIN RULE', 'MEMBERS'], rows));
    return undefined;
  },
});
