/** The network of the registry that all members of a fleet are in: made at the first start, found again at later ones. */
import type { Identity } from '@muster/core/identity';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { fleetRegistryClient } from '../fleet/registry-client.ts';

/** Name of the network. */
export const FLEET_NETWORK = 'fleet';
const TIMEOUT_MS = 10_000;

export interface NetworkOptions {
  /** `host:port` */
  readonly registry: string;
  readonly adminToken: string;
  /** What a node must present to join. */
  readonly networkToken: string;
  /** Whether the token was made just now: then it is not the one that an older network asks for. */
  readonly isNewToken: boolean;
  /** Key of the member that owns the network, and is the first in it. */
  readonly owner: Identity;
  readonly ownerName: string;
}

/** The number of the fleet's network, which is made when there is none. Rejects what the client rejects. */
export async function ensureFleetNetwork(options: NetworkOptions): Promise<number> {
  const { registry, adminToken, networkToken, isNewToken, owner, ownerName } = options;
  await using client = fleetRegistryClient(registry, { timeoutMs: TIMEOUT_MS, identity: owner, adminToken });
  const { networks } = await client.listNetworks({ adminToken });
  const known = networks.find(({ name }) => name === FLEET_NETWORK);
  if (known !== undefined) {
    if (known.joinRule === 'token' && !isNewToken) return known.networkId;
    const reason =
      known.joinRule === 'token'
        ? 'has a token, and the file network-token is gone'
        : `has the join rule ${known.joinRule}, not token`;
    throw fleetErrors.create(
      'FLEET_FOLDER_DAMAGED',
      `the network ${FLEET_NETWORK} of the registry ${reason}: nobody could join`,
      { hint: 'Put the file back, or choose another folder with --data: a new fleet is made there.' },
    );
  }
  const { nodeId } = await client.register({ hostname: ownerName });
  const made = await client.createNetwork(
    { name: FLEET_NETWORK, nodeId, joinRule: 'token', token: networkToken },
    { adminToken },
  );
  return made.networkId;
}
