import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { type RunningRegistry, startRegistry } from './running-registry.ts';

/** Token of the network of a {@link FleetRegistry}. */
export const NETWORK_TOKEN = 'sesame';
const ADMIN_TOKEN = 'an admin token of tests';

function serve(folder: string): readonly string[] {
  return ['registry', 'serve', '--data', folder, '--admin-token', ADMIN_TOKEN];
}

/** A registry with one network that asks for a token, and a client of its owner. It can be stopped and started again. */
export class FleetRegistry implements AsyncDisposable {
  readonly folder: string;
  readonly address: string;
  readonly owner: RegistryClient;
  readonly network: number;
  #running: RunningRegistry | undefined;

  private constructor(parts: {
    folder: string;
    running: RunningRegistry;
    owner: RegistryClient;
    network: number;
  }) {
    this.folder = parts.folder;
    this.address = parts.running.ready.address;
    this.owner = parts.owner;
    this.network = parts.network;
    this.#running = parts.running;
  }

  static async start(folder: string): Promise<FleetRegistry> {
    const running = await startRegistry(serve(folder));
    const { address } = running.ready;
    const owner = new RegistryClient({
      address,
      identity: Identity.generate(),
      encoding: 'json',
      adminToken: ADMIN_TOKEN,
      reconnect: { maxDelayMs: 200, maxAttempts: 50 },
    });
    await owner.register({ hostname: 'owner' });
    const { networkId } = await owner.createNetwork({
      name: 'fleet',
      joinRule: 'token',
      token: NETWORK_TOKEN,
    });
    return new FleetRegistry({ folder, running, owner, network: networkId });
  }

  /** As when it is gone; the store stays. */
  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** On the same address, with the same store. */
  async startAgain(): Promise<void> {
    this.#running = await startRegistry([...serve(this.folder), '--registry-addr', this.address]);
  }

  /** Flags of a member, in a hurry. */
  get flags(): readonly string[] {
    return [
      `--registry=${this.address}`,
      `--registry-network=${this.network}`,
      `--registry-network-token=${NETWORK_TOKEN}`,
      '--registry-refresh=200ms',
      '--registry-heartbeat=1s',
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owner.close();
    await this.stop();
  }
}
