/** A whole fleet on this machine as one program: started, announced, kept running until it is asked to stop. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Component, type Logger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { createPskFile, loadKeyPair, Psk, readPskFile } from '@muster/discovery/keys';
import type { CommandContext } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { packageVersion } from '../cli/version.ts';
import { DEFAULT_FLEET_FOLDER, removeFleetFile } from '../fleet/fleet-files.ts';
import type { MemberState } from '../fleet/fleet-file.ts';
import type { FolderLock } from '../fleet/folder-lock.ts';
import { readOrCreateSecret } from '../fleet/secret-file.ts';
import { readOrCreateAdminToken } from '../serve/admin-token.ts';
import { runService, serviceLogger } from '../serve/run-service.ts';
import type { devSettings } from '../settings/dev-settings.ts';
import { ControlServer } from './control-server.ts';
import { devBanner, devReadyEvent } from './dev-banner.ts';
import { Fleet } from './fleet.ts';
import type { MemberEvent } from './fleet-control.ts';
import { FleetPage } from './fleet-page.ts';
import { openFleetFolder, touchFleetFolder } from './fleet-folder.ts';
import { ensureFleetNetwork } from './fleet-network.ts';
import { endLeftovers } from './leftovers.ts';
import { memberEnvironment } from './member-environment.ts';
import { fleetPaths } from './plan.ts';
import { PortBook } from './port-book.ts';

type Context = CommandContext<typeof devSettings>;

const PROGRAM = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url));
/** All members at once, and the registry after them. */
const STOP_TIMEOUT_MS = 40_000;
/** How often it is noted that the folder is in use. */
const TOUCH_INTERVAL_MS = 60_000;

/** What of a fleet runs in this process. */
interface RunningFleet {
  readonly fleet: Fleet;
  readonly page: FleetPage;
  readonly control: ControlServer;
}

/** Runs it until it is stopped. Returns the exit code; throws what kept it from running. */
export async function runDev(context: Context): Promise<number> {
  const { io, values } = context;
  const logger = serviceLogger(io, 'warn', 'text');
  const folder = resolve(values.data);
  return await runService<RunningFleet>(context, {
    name: 'fleet',
    logger,
    before: [folderPart(folder, values.acceptClock)],
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async ({ stopping }) => await startFleet(context, folder, { logger, stopping }),
    stop: async (running) => await stopFleet(running, folder, logger),
    announce: (running) => announce(context, running),
  });
}

/** The folder is checked and locked before anything else is done. */
function folderPart(folder: string, acceptClock: boolean): Component {
  let lock: FolderLock | undefined;
  let touching: { cancel(): void } | undefined;
  return {
    name: 'folder',
    start: async () => {
      lock = await openFleetFolder({
        folder,
        musterVersion: packageVersion(),
        clock: systemClock,
        acceptClock,
      });
      touching = systemTimers.every(TOUCH_INTERVAL_MS, () => {
        touchFleetFolder(folder, systemClock).catch(() => {});
      });
    },
    stop: async () => {
      touching?.cancel();
      await touchFleetFolder(folder, systemClock);
      await lock?.release();
    },
  };
}

/** The fleet and its servers. Processes take seconds to start: what there is of them ends as soon as they are to stop. */
async function startFleet(
  context: Context,
  folder: string,
  { logger, stopping }: { readonly logger: Logger; readonly stopping: AbortSignal },
): Promise<RunningFleet> {
  const running: { -readonly [Part in keyof RunningFleet]?: RunningFleet[Part] } = {};
  context.progress.update('looking at the data folder');
  await endLeftovers(folder, systemTimers);
  await removeFleetFile(folder);
  const ports = new PortBook(systemRandom);
  try {
    const { isDefault, port } = wishedPort(context, 'page-port', context.values.pagePort);
    const page = await FleetPage.start(await ports.wished(port, 'page-port', isDefault), logger);
    running.page = page;
    const { fleet, token } = await makeFleet(context, folder, { ports, page });
    running.fleet = fleet;
    const control = await ControlServer.start({ control: fleet, token, port: 0 });
    running.control = control;
    fleet.setPlaces({ page: page.url, controlUrl: control.url });
    await unlessStopped(fleet, stopping);
    return { fleet, page, control };
  } catch (error) {
    await stopFleet(running, folder, logger);
    // What goes wrong with members that are being ended is no failure.
    stopping.throwIfAborted();
    throw error;
  }
}

async function unlessStopped(fleet: Fleet, stopping: AbortSignal): Promise<void> {
  const stop = (): void => void fleet.stop();
  stopping.throwIfAborted();
  stopping.addEventListener('abort', stop, { once: true });
  try {
    await fleet.start();
  } finally {
    stopping.removeEventListener('abort', stop);
  }
}

/** Stops what there is of it. */
async function stopFleet(
  { control, fleet, page }: Partial<RunningFleet>,
  folder: string,
  logger: Logger,
): Promise<void> {
  await control?.stop();
  await fleet?.stop();
  await page?.close();
  await removeFleetFile(folder).catch((error: unknown) => logger.warn({ error }, 'fleet.json stays'));
}

function wishedPort(
  { config }: Context,
  setting: string,
  port: number,
): { port: number; isDefault: boolean } {
  return { port, isDefault: config.sources.get(setting) === 'default' };
}

async function makeFleet(
  context: Context,
  folder: string,
  { ports, page }: { readonly ports: PortBook; readonly page: FleetPage },
): Promise<{ readonly fleet: Fleet; readonly token: string }> {
  const { values, io, progress } = context;
  const paths = fleetPaths(folder);
  const { port, isDefault } = wishedPort(context, 'registry-port', values.registryPort);
  const registryPort = await ports.wished(port, 'registry-port', isDefault);
  const { token: adminToken } = await readOrCreateAdminToken(folder);
  const token = await readOrCreateSecret(paths.controlToken);
  const isNewToken = !existsSync(paths.networkToken);
  const networkToken = await readOrCreateSecret(paths.networkToken);
  const psk = await readOrCreatePsk(paths.psk);
  const fleet = new Fleet(
    {
      folder,
      musterVersion: packageVersion(),
      registryPort,
      counts: { indexer: values.indexers, node: values.nodes, mirror: values.mirrors },
      timeScale: values.timeScale,
      originBytesPerSecond: values.originRateBytes,
    },
    {
      ports,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      program: PROGRAM,
      environment: memberEnvironment(io.environment),
      secrets: { psk: psk.toText(), networkToken },
      makeNetwork: async (registry, ownerName) => {
        const files = { privateKeyPath: paths.key(ownerName), publicKeyPath: paths.publicKey(ownerName) };
        const { identity: owner } = await loadKeyPair(files, { generate: false });
        return await ensureFleetNetwork({
          registry,
          adminToken,
          networkToken,
          isNewToken,
          owner,
          ownerName,
        });
      },
      onFleet: (shown) => page.show(shown),
      onProgress: (ready, all) => progress.update(`${count(ready, 'process', 'processes')} of ${all} ready`),
    },
  );
  return { fleet, token };
}

async function readOrCreatePsk(path: string): Promise<Psk> {
  try {
    await createPskFile(path, Psk.generate(systemRandom));
  } catch {
    // There is one already, or it cannot be written: reading says what is wrong.
  }
  return (await readPskFile(path)).psk;
}

function announce(context: Context, { fleet, page }: RunningFleet): void {
  const { io, values } = context;
  const { line, expiresAt } = fleet.issueTicket();
  const announcement = {
    fleet: fleet.fleet(),
    joinLine: line,
    joinExpiresAt: expiresAt,
    pageProblem: page.problem,
    timeScale: values.timeScale,
    startedInMs: Math.round(performance.now()),
    launcher: io.launcher,
    folderFlag: values.data === DEFAULT_FLEET_FOLDER ? '' : `--fleet ${quoted(values.data)}`,
  };
  context.print(devReadyEvent(announcement), devBanner(announcement));
  fleet.onMember((event) => tellMember(context, event));
}

/** Says what becomes of members afterwards: that is what a fleet to try things out with is for. */
function tellMember(context: Context, { name, state, at }: MemberEvent): void {
  if (context.json) context.print({ event: 'member', name, state, at }, '');
  else if (state !== 'starting' && state !== 'stopped') context.note(`${name}: ${MEANINGS[state]}`);
}

const MEANINGS: Readonly<Record<Exclude<MemberState, 'starting' | 'stopped'>, string>> = {
  running: 'runs',
  paused: 'is paused',
  killed: 'was killed; the others go on',
  failed: 'has ended by itself; the others go on, and its log says why',
};

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
