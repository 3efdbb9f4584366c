/** A registry as a program: started, announced, kept running until it is asked to stop or can't go on. */
import {
  createLogger,
  errorCode,
  EXIT_CODES,
  Lifecycle,
  type Logger,
  stopOutcome,
  systemClock,
  systemTimers,
} from '@muster/core';
import { Registry } from '@muster/registry';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { showBytes } from '../cli/progress.ts';
import { packageVersion } from '../cli/version.ts';
import { formatAddress } from '../settings/address.ts';
import { type registrySettings, WITHOUT_EFFECT } from '../settings/registry-settings.ts';
import { type AdminTokenPlace, type Announcement, bannerText, readyEvent } from './banner.ts';
import { prepareDataDirectory } from './data-directory.ts';
import { dataDirectoryOf, registryOptionsOf } from './registry-options.ts';
import { readOrCreateAdminToken } from './admin-token.ts';

/** How long a clean stop may take: the last changes are written, and a snapshot in progress is broken off. */
const STOP_TIMEOUT_MS = 30_000;

export interface RunOptions {
  /** Whether an admin token is made in the data folder when none is configured. */
  readonly makesAdminToken: boolean;
}

type Context = CommandContext<typeof registrySettings>;
type Options = Awaited<ReturnType<typeof registryOptionsOf>>;

/** Runs a registry until it ends. Returns the exit code; throws what kept it from running, or ended it. */
export async function runRegistry(context: Context, { makesAdminToken }: RunOptions): Promise<number> {
  const { io, values, config } = context;
  const directory = dataDirectoryOf(values, config.sources);
  let options = await registryOptionsOf(values, directory);
  const logger = createLogger({
    level: values.logLevel,
    format: values.logFormat,
    clock: systemClock,
    destination: io.logs,
  });
  if (directory !== undefined) await prepareDataDirectory(directory);
  let adminToken = adminTokenPlaceOf(config.sources, values.adminTokensFile);
  if (makesAdminToken && adminToken === undefined && directory !== undefined) {
    const { token, path } = await readOrCreateAdminToken(directory);
    options = { ...options, adminToken: token };
    adminToken = { kind: 'file', path };
  }
  noteSettingsWithoutEffect(context, logger);
  const { launcher } = io;
  return await serve(context, options, logger, (registry) => ({ registry, options, adminToken, launcher }));
}

async function serve(
  context: Context,
  options: Options,
  logger: Logger,
  announcement: (registry: Registry) => Announcement,
): Promise<number> {
  const { io, progress } = context;
  const lifecycle = new Lifecycle({ timers: systemTimers, logger });
  let registry: Registry | undefined;
  lifecycle.add({
    name: 'registry',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () => {
      registry = await startRegistry({
        ...options,
        version: packageVersion(),
        logger,
        onProgress: ({ phase, bytesDone, bytesTotal }) =>
          progress.update(`loading the ${phase}: ${showBytes(bytesDone)} of ${showBytes(bytesTotal)}`),
        onFatal: (error) => lifecycle.fail('registry', error),
      });
    },
    stop: () => registry?.stop(),
  });
  const ignoreSignals = io.stopOnSignals(lifecycle);
  const ignoreReload = io.onReload(() => void reloadTls(registry, logger));
  try {
    await lifecycle.start();
    progress.end();
    const announced = announcement(registry as unknown as Registry);
    context.print(readyEvent(announced), bannerText(announced));
    const report = await lifecycle.stopped;
    if (report.error !== undefined) throw report.error;
    return EXIT_CODES[stopOutcome(report)].code;
  } catch (error) {
    if (errorCode(error) !== 'LIFECYCLE_STOPPED') throw error;
    // Asked to stop while it was loading: that is an orderly end, unless something failed meanwhile.
    const { error: failure } = await lifecycle.stopped;
    if (failure !== undefined) throw failure;
    return EXIT_CODES.ok.code;
  } finally {
    ignoreSignals();
    ignoreReload();
  }
}

async function startRegistry(options: Parameters<typeof Registry.start>[0]): Promise<Registry> {
  try {
    return await Registry.start(options);
  } catch (error) {
    throw listenError(error, options) ?? error;
  }
}

/** Errors of listening, with the setting that is to be changed; undefined for all others. */
function listenError(error: unknown, { listen, http }: Options): Error | undefined {
  const code = errorCode(error);
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  const port = 'port' in error ? error.port : undefined;
  const isHttp = http !== undefined && (port === http.port || !('port' in error)) && port !== listen.port;
  const [setting, address] = isHttp ? ['http', http] : ['registry-addr', listen];
  const place = formatAddress(address);
  const other = formatAddress({ ...address, port: address.port + 1 > 65_535 ? 0 : address.port + 1 });
  const details = { setting, address: place };
  if (code === 'EADDRINUSE') {
    return cliErrors.create('ADDRESS_IN_USE', `another program listens on ${place}`, {
      hint: `Stop it, or choose another address: --${setting} ${other}`,
      details,
      cause: error,
    });
  }
  if (error.syscall === 'getaddrinfo' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') {
    return cliErrors.create('ADDRESS_UNUSABLE', `${place} is no address of this machine (${code})`, {
      hint: `Choose another one: --${setting} 127.0.0.1:${address.port}`,
      details,
    });
  }
  if ((code === 'EACCES' || code === 'EPERM') && error.syscall === 'listen') {
    return cliErrors.create('ADDRESS_UNUSABLE', `the system does not let this user listen on ${place}`, {
      hint: `Ports below 1024 are for the administrator of the machine. Choose another: --${setting} 127.0.0.1:9000`,
      details,
      cause: error,
    });
  }
  return undefined;
}

async function reloadTls(registry: Registry | undefined, logger: Logger): Promise<void> {
  try {
    const changed = (await registry?.reloadTls()) ?? false;
    logger.info({ changed, fingerprint: registry?.tlsFingerprint }, 'TLS files read again');
  } catch (error) {
    logger.error({ error }, 'TLS files could not be read again: the certificate stays as it was');
  }
}

/** Where the token comes from, for the banner: never the token. */
function adminTokenPlaceOf(
  sources: ReadonlyMap<string, string>,
  hashesFile: string | undefined,
): AdminTokenPlace | undefined {
  const source = sources.get('admin-token');
  if (source !== undefined && source !== 'default') return { kind: 'given', source };
  return hashesFile === undefined ? undefined : { kind: 'hashes', path: hashesFile };
}

function noteSettingsWithoutEffect({ config }: Context, logger: Logger): void {
  for (const [key, { group }] of Object.entries(config.settings)) {
    const source = config.sources.get(key);
    if (group !== WITHOUT_EFFECT || source === undefined || source === 'default') continue;
    logger.info({ setting: key, source }, 'accepted without effect: it is for another runtime');
  }
}
