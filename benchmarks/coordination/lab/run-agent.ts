/** Agents as `muster mirror run` runs them, inside a process of the laboratory. */

import {
  CoordinationAgent,
  fileCredentials,
  loadIdentity,
  nodeMemberFiles,
  nodeStoreFiles,
} from '@muster/coordination';
import { coordinationConfigOf, coordinationSettings } from '@muster/coordination/config';
import {
  createLogger,
  loadConfig,
  readConfigFile,
  systemClock,
  systemRandom,
  systemTimers,
} from '@muster/core';
import { createPeerNetwork } from '@muster/discovery/host';
import { type NetworkFaults, withFaults } from './faulty-network.ts';

const DHT_PROTOCOL = '/gantry/kad/1.0.0';

/** Starts the agent of a configuration file and prints the line that `muster mirror run --json` prints. Returns what ends it. */
export async function runAgent(configPath: string, faults?: NetworkFaults): Promise<() => Promise<void>> {
  const shared = { clock: systemClock, timers: systemTimers, random: systemRandom };
  const config = coordinationConfigOf(loadConfig(coordinationSettings, { file: readConfigFile(configPath) }));
  const { node } = config;
  const logger = createLogger({
    level: node.logLevel,
    format: node.logFormat,
    clock: systemClock,
    destination: process.stderr,
  });
  const { identity } = await loadIdentity(node.identityPath);
  const network = await createPeerNetwork({
    ...shared,
    identity,
    listen: node.libp2pListen,
    announce: node.libp2pAnnounce,
    allowLoopback: true,
    dhtProtocol: DHT_PROTOCOL,
    connections: node.connections,
    logger,
  });
  const agent = new CoordinationAgent({
    ...shared,
    config,
    network: faults === undefined ? network : withFaults(network, faults),
    storeFiles: nodeStoreFiles,
    credentials: fileCredentials,
    memberSources: {
      files: nodeMemberFiles,
      kubeApi: () => Promise.reject(new Error('there is no Kubernetes in the laboratory')),
    },
    version: 'laboratory',
    logger,
  });
  await agent.start();
  const { mirror, transfer, metrics } = agent.listeners;
  const place = ({ host, port }: { readonly host: string; readonly port: number }): string =>
    `${host}:${port}`;
  process.stdout.write(
    `${JSON.stringify({
      event: 'ready',
      nodeId: agent.members.self(),
      peerId: identity.peerId,
      mirror: place(mirror),
      transfer: place(transfer),
      ops: place(metrics),
      addresses: agent.p2pAddresses,
    })}\n`,
  );
  return async () => agent.stop();
}
