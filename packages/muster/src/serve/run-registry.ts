/** A registry as a program: started, announced, kept running until it is asked to stop or can't go on. */
import type { Logger } from '@muster/core';
import { Registry } from '@muster/registry';
import type { CommandContext } from '../cli/command.ts';
import { showBytes } from '../cli/progress.ts';
import { packageVersion } from '../cli/version.ts';
import { type registrySettings, WITHOUT_EFFECT } from '../settings/registry-settings.ts';
import { type AdminTokenPlace, type Announcement, bannerText, readyEvent } from './banner.ts';
import { prepareDataDirectory } from './data-directory.ts';
import { dataDirectoryOf, registryOptionsOf } from './registry-options.ts';
import { readOrCreateAdminToken } from './admin-token.ts';
import { runService, serviceLogger } from './run-service.ts';
import { startError } from './start-error.ts';

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
  const logger = serviceLogger(io, values.logLevel, values.logFormat);
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
  return await runService<Registry>(context, {
    name: 'registry',
    logger,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async ({ fail }) => {
      try {
        return await Registry.start({
          ...options,
          version: packageVersion(),
          logger,
          onProgress: ({ phase, bytesDone, bytesTotal }) =>
            progress.update(`loading the ${phase}: ${showBytes(bytesDone)} of ${showBytes(bytesTotal)}`),
          onFatal: fail,
        });
      } catch (error) {
        throw startError(error, options, io.launcher);
      }
    },
    stop: async (registry) => await registry.stop(),
    announce: (registry) => {
      const announced = announcement(registry);
      context.print(readyEvent(announced), bannerText(announced));
    },
    onReload: (registry) => void reloadTls(registry, logger),
  });
}

async function reloadTls(registry: Registry, logger: Logger): Promise<void> {
  try {
    const changed = await registry.reloadTls();
    logger.info({ changed, fingerprint: registry.tlsFingerprint }, 'TLS files read again');
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
