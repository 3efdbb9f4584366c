/** What kept a node or indexer from starting, with the setting to change. */
import { errorCode, MusterError } from '@muster/core';
import type { ProcessSettings } from '@muster/discovery/config';
import { cliErrors } from '../cli/cli-errors.ts';

/** The error as it is to be reported; the same one when there is nothing to add. */
export function nodeStartError(error: unknown, settings: ProcessSettings, launcher: string): unknown {
  const cause = systemErrorIn(error);
  const isOverlay = error instanceof MusterError && error.code === 'OVERLAY_START_FAILED';
  const setting = isOverlay ? 'node-endpoint-port' : 'status-port';
  const port = isOverlay ? settings.port : (settings.statusPort ?? 0);
  const place = `${isOverlay ? settings.listenHost : '127.0.0.1'}:${port}`;
  const options = { details: { setting, address: place }, cause: error };
  switch (cause) {
    case 'EADDRINUSE':
      return cliErrors.create('ADDRESS_IN_USE', `another program listens on ${place}`, {
        ...options,
        hint: `Stop it, or choose another port: --${setting} ${port === 65_535 ? 4001 : port + 1}`,
      });
    case 'EADDRNOTAVAIL':
      return cliErrors.create('ADDRESS_UNUSABLE', `${place} is no address of this machine`, {
        ...options,
        hint: 'Choose another one: --listen-host 0.0.0.0 is all of them.',
      });
    case 'EACCES':
      if (!isOverlay && error instanceof MusterError) return error;
      return cliErrors.create('ADDRESS_FORBIDDEN', `the system does not let this user listen on ${place}`, {
        ...options,
        hint: `Ports below 1024 are for the administrator of the machine. Choose another: --${setting} 4001`,
      });
    default:
      return withHint(error, settings, launcher);
  }
}

/** The code of the system, from the error or what has caused it. libp2p has it in its text only. */
function systemErrorIn(error: unknown): string | undefined {
  const pending: unknown[] = [error];
  for (let looked = 0; looked < 16; looked += 1) {
    const current = pending.shift();
    if (!(current instanceof Error)) continue;
    const code = errorCode(current);
    if (code !== undefined && /^E[A-Z]+$/.test(code)) return code;
    const listening = /\blisten (E[A-Z]+):/.exec(current.message)?.[1];
    if (listening !== undefined) return listening;
    pending.push(current.cause, ...(current instanceof AggregateError ? current.errors : []));
  }
  return undefined;
}

const HINTS: Readonly<Partial<Record<string, (settings: ProcessSettings, launcher: string) => string>>> = {
  PSK_INVALID: ({ pskPath }, launcher) =>
    `Make one with \`${launcher} keys psk --out ${pskPath}\`, or copy that of the other members there.`,
  KEY_FILE_INVALID: () =>
    'With --generate-keys (OC_GENERATE_KEYS=1) one is made where there is none; --private-key-path names another.',
};

function withHint(error: unknown, settings: ProcessSettings, launcher: string): unknown {
  if (!(error instanceof MusterError)) return error;
  const hint = HINTS[error.code]?.(settings, launcher);
  if (hint === undefined) return error;
  return new MusterError(error.code, error.message, { hint, details: { ...error.details }, cause: error });
}
