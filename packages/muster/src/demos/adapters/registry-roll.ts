/** Who is in the network of a fleet, as its registry says, with keys. */
import { readFile } from 'node:fs/promises';
import type { FleetFile } from '../../fleet/fleet-file.ts';
import { fleetRegistryClient } from '../../fleet/registry-client.ts';
import type { RegisteredNode, RegistryRoll } from '../ports.ts';

const TIMEOUT_MS = 5_000;
const PAGE_SIZE = 1_000;

export class ClientRoll implements RegistryRoll {
  readonly #registry: FleetFile['registry'];

  constructor({ registry }: Pick<FleetFile, 'registry'>) {
    this.#registry = registry;
  }

  /** Rejects with the coded error of the client. */
  async list(): Promise<readonly RegisteredNode[]> {
    const { address, adminTokenFile, network } = this.#registry;
    await using client = fleetRegistryClient(address, {
      timeoutMs: TIMEOUT_MS,
      adminToken: (await readFile(adminTokenFile, 'utf8')).trim(),
    });
    const { nodes } = await client.listNodes(network, { pageSize: PAGE_SIZE });
    const roll: RegisteredNode[] = [];
    for (const { nodeId } of nodes) {
      const { publicKey, hostname = '' } = await client.lookup(nodeId);
      const key = publicKey === undefined ? '' : Buffer.from(publicKey).toString('base64');
      roll.push({ nodeId, name: hostname, publicKey: key });
    }
    return roll;
  }
}
