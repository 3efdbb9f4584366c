/**
 * An agent as `muster mirror run` runs it, on a peer network with faults: `faulty-agent.ts <faults as JSON> --config <file>`.
 * Prints the same line when it runs.
 */

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

const [faultsText = '{}', , configPath = ''] = process.argv.slice(2);
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
  dhtProtocol: '/gantry/kad/1.0.0',
  logger,
});
const agent = new CoordinationAgent({
  ...shared,
  config,
  network: withFaults(network, JSON.parse(faultsText) as NetworkFaults),
  storeFiles: nodeStoreFiles,
  credentials: fileCredentials,
  memberSources: {
    files: nodeMemberFiles,
    kubeApi: () => Promise.reject(new Error('there is no Kubernetes in the laboratory')),
  },
  version: 'laboratory',
  logger,
});
process.once('SIGTERM', () => void agent.stop().then(() => process.exit(0)));
await agent.start();
const { mirror, transfer, metrics } = agent.listeners;
const place = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host}:${port}`;
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
