/** A node or indexer as a program: started, announced, kept running until it is asked to stop. */
import { type Logger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { type DiscoveryConfig, discoveryConfigOf, type discoverySettings } from '@muster/discovery/config';
import type { ConnectionPolicy, DiscoveryHost } from '@muster/discovery/host';
import type { CommandContext } from '../cli/command.ts';
import type { CliIo } from '../cli/io.ts';
import { packageVersion } from '../cli/version.ts';
import { liarOverlay, misbehaviourOf } from '../fleet/liar.ts';
import type { membershipSettings } from '../settings/membership-settings.ts';
import { nodeBanner, nodeReadyEvent } from './node-banner.ts';
import { NodeMembership } from './node-membership.ts';
import { nodeStartError } from './node-start-error.ts';
import { runService, serviceLogger } from './run-service.ts';

/** The daemon ends within 3 s (discovery spec 5.4); the rest is for a busy machine. */
const STOP_TIMEOUT_MS = 5_000;

/** Runs it until it ends. Returns the exit code; throws what kept it from running. */
export async function runNode(
  context: CommandContext<typeof discoverySettings & typeof membershipSettings>,
): Promise<number> {
  const { io } = context;
  const config = discoveryConfigOf(context.config, io.environment);
  const logger = serviceLogger(io, config.process.logLevel, config.process.logFormat);
  return await runService<{ readonly host: DiscoveryHost; readonly membership: NodeMembership }>(context, {
    name: 'node',
    logger,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () => {
      const membership = await NodeMembership.open(context.config, config, logger);
      const host = await startHost(config, logger, io, membership.policy);
      membership.start(host, io.environment);
      return { host, membership };
    },
    stop: async ({ host, membership }) => {
      await membership.stop();
      await host.stop();
    },
    announce: ({ host, membership: { membership } }) => {
      const announcement = { host, config, launcher: io.launcher, membership };
      context.print(nodeReadyEvent(announcement), nodeBanner(announcement));
    },
  });
}

async function startHost(
  config: DiscoveryConfig,
  logger: Logger,
  { environment, launcher }: CliIo,
  policy: ConnectionPolicy,
): Promise<DiscoveryHost> {
  const misbehaviour = misbehaviourOf(environment);
  // The overlay takes a second to load, which other commands need not wait for.
  const { DiscoveryHost } = await import('@muster/discovery/host');
  try {
    const host = await DiscoveryHost.start({
      config,
      version: packageVersion(),
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      logger,
      policy,
      ...(misbehaviour === 'lie' && { alterOverlay: await liarOverlay(systemClock) }),
    });
    for (const warning of host.warnings) logger.warn({}, warning);
    return host;
  } catch (error) {
    throw nodeStartError(error, config.process, launcher);
  }
}
