/** Asks the status endpoint of a node or indexer. */
import { errorCode, MusterError } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { formatAddress, localAddress, parseAddress } from '../settings/address.ts';
import type { statusSettings } from '../settings/status-settings.ts';

type Context = CommandContext<typeof statusSettings>;

/** Where the endpoint is. Throws USAGE when nothing says so. */
export function statusAddressOf({ values }: Pick<Context, 'values'>): string {
  const address = values.status === undefined ? undefined : parseAddress(values.status);
  if (address !== undefined) return localAddress(address);
  if (values.statusPort !== undefined && values.statusPort !== 0) {
    return formatAddress({ host: '127.0.0.1', port: values.statusPort });
  }
  throw cliErrors.create('USAGE', 'say which node or indexer to ask: --status 127.0.0.1:<port>', {
    hint: 'It shows the address when it starts; --status-port switches it on.',
  });
}

/** The JSON of one address. Throws STATUS_UNREACHABLE, or what the endpoint answered. */
export async function askStatus(context: Context, path: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await request(context, path, AbortSignal.timeout(context.values.timeoutMs));
  const body = await bodyOf(response);
  if (!response.ok) throw refusalOf(response.status, body);
  return body;
}

/** The lines of one address, as they come. Ends when the signal is aborted. Throws as {@link askStatus}. */
export async function* streamStatus(
  context: Context,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const response = await request(context, path, signal);
  if (!response.ok) throw refusalOf(response.status, await bodyOf(response));
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as Readonly<Record<string, unknown>>;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw unreachable(context, error);
  }
}

async function request(context: Context, path: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(`http://${statusAddressOf(context)}${path}`, { signal, redirect: 'error' });
  } catch (error) {
    if (error instanceof MusterError) throw error;
    throw unreachable(context, error);
  }
}

async function bodyOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    const body: unknown = await response.json();
    if (typeof body === 'object' && body !== null) return body as Readonly<Record<string, unknown>>;
  } catch {
    // Told below, like any other answer that is not JSON.
  }
  throw cliErrors.create('STATUS_REFUSED', 'what answers there is no status endpoint of Muster');
}

/** The codes that the callers of this program know; the rest is by status. */
const KNOWN_CODES = new Set(['PEER_NOT_FOUND', 'PEER_OFFLINE', 'NO_INDEXER']);

function refusalOf(status: number, body: Readonly<Record<string, unknown>>): Error {
  const { error, code } = body;
  const message = typeof error === 'string' ? error : `the status endpoint answered with ${status}`;
  const details = { status, code };
  if (typeof code === 'string' && KNOWN_CODES.has(code)) return new MusterError(code, message, { details });
  return cliErrors.create(status === 404 ? 'STATUS_NOT_FOUND' : 'STATUS_REFUSED', message, { details });
}

function unreachable(context: Context, cause: unknown): Error {
  const place = statusAddressOf(context);
  const isSlow = cause instanceof Error && cause.name === 'TimeoutError';
  const reason = isSlow ? 'no answer in time' : (errorCode((cause as Error).cause) ?? 'the connection ended');
  return cliErrors.create('STATUS_UNREACHABLE', `no node or indexer answers at ${place} (${reason})`, {
    cause,
  });
}
