import { MAX_NETWORK_ID } from '@muster/client';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext, Operand } from '../cli/command.ts';
import type { clientSettings } from '../settings/client-settings.ts';

/** Which network a command lists. */
export const NETWORK_OPERAND: Operand = {
  name: 'network',
  value: 'id',
  description: 'The network; 0 is all nodes, and for administrators. (default: 0)',
  check: (value) =>
    /^\d+$/.test(value) && Number(value) <= MAX_NETWORK_ID
      ? undefined
      : `not a network id, 0 to ${MAX_NETWORK_ID}`,
};

/** The network that was asked for. Throws ADMIN_TOKEN_MISSING for all nodes without a token. */
export function networkOf({ operands, values }: CommandContext<typeof clientSettings>): number {
  const network = Number(operands['network'] ?? 0);
  if (network === 0 && values.adminToken === undefined) {
    throw cliErrors.create('ADMIN_TOKEN_MISSING', 'the list of all nodes needs an admin token');
  }
  return network;
}
