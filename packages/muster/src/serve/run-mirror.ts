/** An agent of the mirror as a program: started, announced, kept running until it is asked to stop. */
import { readFile } from 'node:fs/promises';
import { type Config, errorCode, type Logger, systemClock, systemRandom, systemTimers } from '@muster/core';
import type { CoordinationAgent } from '@muster/coordination';
import type { CoordinationConfig } from '@muster/coordination/config';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { packageVersion } from '../cli/version.ts';
import { registryTlsOf } from '../membership/open-membership.ts';
import type { RegistryMembership } from '../membership/registry-membership.ts';
import { isLoopbackHost } from '../settings/address.ts';
import { mirrorBanner, mirrorReadyEvent } from './mirror-banner.ts';
import { mirrorConfigOf, type MirrorSettings } from './mirror-config.ts';
import { MirrorMembership } from './mirror-membership.ts';
import { mirrorStartError } from './mirror-start-error.ts';
import { registryLeases } from './registry-leases.ts';
import { type MemberList, registryMemberList } from './registry-member-list.ts';
import { runService, serviceLogger } from './run-service.ts';

/** The agent ends within 10 s (coordination spec 20.4); the rest is for a busy machine. */
const STOP_TIMEOUT_MS = 12_000;
const DHT_PROTOCOL = '/gantry/kad/1.0.0';
const MAX_CONNECTIONS = 1_000;

/** An agent that runs, with what it was given. */
export interface StartedAgent {
  readonly agent: CoordinationAgent;
  readonly config: CoordinationConfig;
  readonly peerId: string;
  readonly pskFingerprint: string | undefined;
  readonly membership: RegistryMembership | undefined;
  /** Ends what the agent was given. Never rejects. */
  readonly release: () => Promise<void>;
}

/** Runs it until it ends. Returns the exit code; throws what kept it from running. */
export async function runMirror(context: CommandContext<MirrorSettings>): Promise<number> {
  const { io } = context;
  const config = mirrorConfigOf(context.config);
  const logger = serviceLogger(io, config.node.logLevel, config.node.logFormat);
  return await runService<StartedAgent>(context, {
    name: 'mirror',
    logger,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () =>
      await startAgent({ loaded: context.config, config, logger, environment: io.environment }),
    stop: async ({ agent, release }) => {
      await agent.stop();
      await release();
    },
    announce: (started) => {
      const announcement = { ...started, launcher: io.launcher };
      context.print(mirrorReadyEvent(announcement), mirrorBanner(announcement));
    },
  });
}

export interface StartParts {
  readonly loaded: Config<MirrorSettings>;
  readonly config: CoordinationConfig;
  readonly logger: Logger;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Starts an agent with everything that it needs of this process. Rejects with the coded error of a start that fails. */
export async function startAgent({ loaded, config, logger, environment }: StartParts): Promise<StartedAgent> {
  // Both take a second to load, which other commands need not wait for.
  const [coordination, { createPeerNetwork, readPskFile }] = await Promise.all([
    import('@muster/coordination'),
    import('@muster/discovery/host'),
  ]);
  const { node } = config;
  let memberList: MemberList | undefined;
  let membership: MirrorMembership | undefined;
  let leases: ReturnType<typeof leasesOf>;
  const release = async (): Promise<void> => {
    await leases?.[Symbol.asyncDispose]();
    await memberList?.[Symbol.asyncDispose]();
    await membership?.stop();
  };
  try {
    const { identity } = await coordination.loadIdentity(node.identityPath);
    membership = await MirrorMembership.open({ loaded, config, identity, logger });
    membership.obeySupervisor(environment);
    const psk = node.pskPath === '' ? undefined : (await readPskFile(node.pskPath)).psk;
    const shared = { clock: systemClock, timers: systemTimers, random: systemRandom };
    const network = await createPeerNetwork({
      ...shared,
      identity,
      ...(psk === undefined ? {} : { psk: psk.bytes }),
      listen: node.libp2pListen,
      announce: node.libp2pAnnounce,
      // A fleet on one machine, which has no other addresses.
      allowLoopback: node.libp2pListen.every((address) => isLoopbackHost(address.split('/')[2] ?? '')),
      dhtProtocol: DHT_PROTOCOL,
      maxConnections: Math.max(MAX_CONNECTIONS, node.connections.high),
      connections: node.connections,
      policy: membership.policy,
      logger: logger.child({ subsystem: 'discovery' }),
    });
    const transferToken = node.transferTokenPath === '' ? undefined : await readToken(node.transferTokenPath);
    const ownList = membership.list;
    if (node.membersSource === 'registry' && ownList === undefined) {
      memberList = registryMemberList({ ...registryPlaceOf(node), tls: await registryTlsOf(loaded.values) });
    }
    const list = ownList ?? memberList?.list;
    leases = leasesOf(membership, loaded, logger);
    const agent = new coordination.CoordinationAgent({
      ...shared,
      config: membership.config,
      network,
      storeFiles: coordination.nodeStoreFiles,
      credentials: coordination.fileCredentials,
      memberSources: {
        files: coordination.nodeMemberFiles,
        ...(list === undefined ? {} : { list }),
        kubeApi: async () =>
          new coordination.KubeHttp(await coordination.serviceAccountEndpoint(environment)),
      },
      ...(leases === undefined ? {} : { leases }),
      ...(transferToken === undefined ? {} : { transferToken }),
      version: packageVersion(),
      logger,
    });
    membership.expect(agent);
    await agent.start();
    membership.start(agent);
    return {
      agent,
      config: membership.config,
      peerId: identity.peerId,
      pskFingerprint: psk?.fingerprint,
      membership: membership.membership,
      release,
    };
  } catch (error) {
    await release();
    throw mirrorStartError(error, node);
  }
}

/** Leases of the registry that it belongs to; undefined without one. */
function leasesOf(
  { client }: MirrorMembership,
  { values }: Config<MirrorSettings>,
  logger: Logger,
): ReturnType<typeof registryLeases> | undefined {
  if (client === undefined) return undefined;
  return registryLeases({
    client,
    clock: systemClock,
    timers: systemTimers,
    logger: logger.child({ subsystem: 'leases' }),
    prefix: `${values.registryNetwork}:`,
  });
}

function registryPlaceOf(node: CoordinationConfig['node']): {
  readonly registry: string;
  readonly network: number;
} {
  return { registry: node.membersRegistry, network: Number(node.membersNetwork) };
}

/** The shared secret of the transfer endpoint: one line. */
async function readToken(path: string): Promise<string> {
  let token: string;
  try {
    token = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const reason = errorCode(cause) ?? 'cannot be read';
    throw cliErrors.create('FILE_UNUSABLE', `transfer-token-path: ${path} (${reason})`, {
      details: { path },
      cause,
    });
  }
  if (token === '') {
    throw cliErrors.create('FILE_UNUSABLE', `transfer-token-path: ${path} is empty`, { details: { path } });
  }
  return token;
}
