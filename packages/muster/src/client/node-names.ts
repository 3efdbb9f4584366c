import { MAX_NODE_ID, parseAddress, type RegistryClient } from '@muster/client';
import { cliErrors } from '../cli/cli-errors.ts';

/** The argument of commands that work on one node. */
export const NODE_ARGUMENT = {
  name: 'node',
  description: 'Id, hostname or virtual address of a node.',
} as const;

/**
 * The id of a node that a person names: `7`, `0:0000.0000.0007` or `alpha`. A hostname of digits alone is taken for an
 * id. Throws USAGE; REGISTRY_REFUSED with `not_found`.
 */
export async function nodeIdOf(client: RegistryClient, name: string): Promise<number> {
  if (/^\d+$/.test(name)) {
    const id = Number(name);
    if (id >= 1 && id <= MAX_NODE_ID) return id;
    throw cliErrors.create('USAGE', `${name} is no node id: ids are 1 to ${MAX_NODE_ID}`);
  }
  const address = parseAddress(name);
  if (address !== undefined) return address.nodeId;
  return (await client.resolveHostname(name)).nodeId;
}
