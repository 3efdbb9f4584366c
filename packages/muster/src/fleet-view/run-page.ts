/** The page of a fleet as a program: served until it is asked to stop. */
import { errorCode } from '@muster/core';
import { PageNotBuiltError, pageFolder } from '@muster/dashboard';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { packageVersion } from '../cli/version.ts';
import { runService, serviceLogger } from '../serve/run-service.ts';
import { isLoopbackHost, localAddress, parseAddress } from '../settings/address.ts';
import type { pageSettings } from '../settings/page-settings.ts';
import { type Page, type PageSource, startPage } from './index.ts';

type Context = CommandContext<typeof pageSettings>;

const STOP_TIMEOUT_MS = 10_000;

/** Serves it until it ends. Returns the exit code; throws what kept it from running. */
export async function runPage(context: Context): Promise<number> {
  const { io, values } = context;
  const sources = sourcesOf(values);
  const logger = serviceLogger(io, values.logLevel as 'info', 'text');
  const folder = builtFolder();
  return await runService<Page>(context, {
    name: 'page',
    logger,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () => await listen(values, { sources, folder, logger }),
    stop: async (page) => await page.close(),
    announce: (page) => announce(context, page, folder, sources.length),
  });
}

async function listen(
  values: Context['values'],
  parts: Pick<Parameters<typeof startPage>[0], 'sources' | 'folder' | 'logger'>,
): Promise<Page> {
  const { title, host, port } = values;
  try {
    return await startPage({
      ...parts,
      title,
      version: packageVersion(),
      host,
      port,
      allowedHosts: values.allowHost,
    });
  } catch (cause) {
    const code = LISTEN_ERRORS[errorCode(cause) ?? ''];
    if (code === undefined) throw cause;
    throw cliErrors.create(code, `the page cannot listen on ${host}:${port} (${errorCode(cause)})`, {
      cause,
    });
  }
}

const LISTEN_ERRORS: Readonly<
  Partial<Record<string, 'ADDRESS_IN_USE' | 'ADDRESS_UNUSABLE' | 'ADDRESS_FORBIDDEN'>>
> = {
  EADDRINUSE: 'ADDRESS_IN_USE',
  EADDRNOTAVAIL: 'ADDRESS_UNUSABLE',
  ENOTFOUND: 'ADDRESS_UNUSABLE',
  EACCES: 'ADDRESS_FORBIDDEN',
};

/** What is asked. Throws USAGE when there is nothing, or when a registry would be asked without a token. */
function sourcesOf({ registryHttp, adminToken, status, mirror }: Context['values']): readonly PageSource[] {
  const token = adminToken?.reveal();
  if (registryHttp !== undefined && token === undefined) {
    throw cliErrors.create('USAGE', 'the registry shows its nodes to administrators only', {
      hint: 'Give --admin-token-file.',
    });
  }
  const sources: PageSource[] = [
    ...(registryHttp === undefined || token === undefined
      ? []
      : [
          {
            kind: 'registry',
            id: 'registry',
            address: reached(registryHttp),
            adminToken: { text: token },
          } as const,
        ]),
    ...status.map(
      (address) => ({ kind: 'status', id: `status:${address}`, address: reached(address) }) as const,
    ),
    ...mirror.map(
      (address) => ({ kind: 'mirror', id: `mirror:${address}`, address: reached(address) }) as const,
    ),
  ];
  if (sources.length > 0) return sources;
  throw cliErrors.create('USAGE', 'there is nothing to show', {
    hint: 'Give at least one of --registry-http, --status and --mirror.',
  });
}

function reached(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : localAddress(address);
}

function builtFolder(): string | undefined {
  try {
    return pageFolder();
  } catch (error) {
    if (error instanceof PageNotBuiltError) return undefined;
    throw error;
  }
}

function announce(context: Context, page: Page, folder: string | undefined, sources: number): void {
  const { host } = context.values;
  const warnings = [
    ...(folder === undefined
      ? ['the page has not been built: / answers 503; /api/fleet and `muster top` work']
      : []),
    ...(isLoopbackHost(host) ? [] : ['whoever reaches this address sees who is in the fleet, and where']),
  ];
  context.print(
    { event: 'ready', version: packageVersion(), pid: process.pid, page: page.url, sources, warnings },
    [
      `The page is at ${page.url} and asks ${count(sources, 'service')}.`,
      ...warnings.map((warning) => `Not safe, or not whole: ${warning}.`),
      'Ctrl-C stops it.',
    ].join('\n'),
  );
}
