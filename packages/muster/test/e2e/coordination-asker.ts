import type { ClusterNode } from '@muster/coordination';
import { CoordClient, DEFAULT_COORDINATION_SETTINGS, PeerClient } from '@muster/coordination';
import { silentLogger, systemClock, systemRandom, systemTimers, type PeerTarget } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { createPeerNetwork, type PeerNetwork } from '@muster/discovery/host';
import type { GoServer } from './go-programs.ts';

/** How long a step of the asker may take; machines are busy. */
export const LIMIT = { timeoutMs: 20_000 };
const NODE_ID = 'asker';

/** What a part of an agent asks with: the real overlay and the real clients, without a store of its own. */
export class Asker implements AsyncDisposable {
  readonly network: PeerNetwork;
  readonly client: CoordClient;
  readonly transfers: PeerClient;

  private constructor(network: PeerNetwork, nodes: readonly ClusterNode[], offerMinor: 0 | 1) {
    this.network = network;
    this.client = new CoordClient({
      streams: network.streams,
      members: { self: () => NODE_ID, snapshot: () => nodes, bootstrapSnapshot: () => nodes },
      clock: systemClock,
      timers: systemTimers,
      logger: silentLogger,
      options: { offerMinor },
    });
    this.transfers = new PeerClient({
      clock: systemClock,
      timers: systemTimers,
      options: { ...DEFAULT_COORDINATION_SETTINGS, nodeId: NODE_ID },
    });
  }

  /** Starts one whose cluster is these Go nodes, by their ids. */
  static async start(
    members: Readonly<Record<string, GoServer>>,
    options: { readonly psk?: Uint8Array; readonly offerMinor?: 0 | 1 } = {},
  ): Promise<Asker> {
    const network = await createPeerNetwork({
      identity: Identity.generate(),
      ...(options.psk === undefined ? {} : { psk: options.psk }),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      allowLoopback: true,
      dhtProtocol: '/gantry/kad/1.0.0',
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      logger: silentLogger,
    });
    await network.start();
    const nodes = Object.entries(members).map(([id, node]) => ({
      id,
      addr: node.transfer,
      zone: '',
      peerId: node.peerId,
      p2pAddrs: [node.address],
    }));
    return new Asker(network, nodes, options.offerMinor ?? 0);
  }

  /** Dials the Go nodes, so that the table of providers has them. */
  async join(...nodes: readonly GoServer[]): Promise<number> {
    return await this.network.routing.bootstrap(nodes.map(targetOf), LIMIT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transfers.close();
    await this.network.stop();
  }
}

function targetOf(node: GoServer): PeerTarget {
  return { id: node.peerId, addresses: [node.address.split('/p2p/')[0] as string] };
}
