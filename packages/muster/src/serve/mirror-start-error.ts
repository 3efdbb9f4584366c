/** What kept an agent of the mirror from starting, with the setting to change. */
import { errorCode, MusterError } from '@muster/core';
import type { NodeSettings } from '@muster/coordination/config';
import { cliErrors } from '../cli/cli-errors.ts';
import { formatAddress } from '../settings/address.ts';

/** The error as it is to be reported; the same one when there is nothing to add. */
export function mirrorStartError(error: unknown, settings: NodeSettings): unknown {
  const cause = systemErrorIn(error);
  const isStorage = error instanceof MusterError && error.code === 'STORAGE_UNAVAILABLE';
  if (cause === undefined || isStorage) return withHint(error, settings);
  const { setting, place } = placeOf(error, cause.port, settings);
  const options = { details: { setting, address: place }, cause: error };
  switch (cause.code) {
    case 'EADDRINUSE':
      return cliErrors.create('ADDRESS_IN_USE', `another program listens on ${place}`, {
        ...options,
        hint: `Stop it, or choose another address: --${setting}`,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return cliErrors.create('ADDRESS_UNUSABLE', `${place} is no address of this machine (${cause.code})`, {
        ...options,
        hint: `Choose another one: --${setting}`,
      });
    case 'EACCES':
      if (error instanceof MusterError && error.code !== 'OVERLAY_START_FAILED') return error;
      return cliErrors.create('ADDRESS_FORBIDDEN', `the system does not let this user listen on ${place}`, {
        ...options,
        hint: `Ports below 1024 are for the administrator of the machine. Choose another: --${setting}`,
      });
    default:
      return withHint(error, settings);
  }
}

function placeOf(
  error: unknown,
  port: number | undefined,
  settings: NodeSettings,
): { readonly setting: string; readonly place: string } {
  if (error instanceof MusterError && error.code === 'OVERLAY_START_FAILED') {
    return { setting: 'libp2p-listen', place: settings.libp2pListen.join(', ') };
  }
  const listeners = {
    'mirror-listen': settings.mirrorListen,
    'transfer-listen': settings.transferListen,
    'metrics-listen': settings.metricsListen,
  };
  const [setting, address] =
    Object.entries(listeners).find(([, { port: each }]) => each === port) ??
    (['mirror-listen', settings.mirrorListen] as const);
  return { setting, place: formatAddress(address) };
}

/** The system's error, from the error or what has caused it. libp2p has it in its text only. */
function systemErrorIn(
  error: unknown,
): { readonly code: string; readonly port: number | undefined } | undefined {
  const pending: unknown[] = [error];
  for (let looked = 0; looked < 16; looked += 1) {
    const current = pending.shift();
    if (!(current instanceof Error)) continue;
    const code = errorCode(current);
    if (code !== undefined && /^E[A-Z]+$/.test(code)) {
      return { code, port: 'port' in current && typeof current.port === 'number' ? current.port : undefined };
    }
    const listening = /\blisten (E[A-Z]+):/.exec(current.message)?.[1];
    if (listening !== undefined) return { code: listening, port: undefined };
    pending.push(current.cause, ...(current instanceof AggregateError ? current.errors : []));
  }
  return undefined;
}

function withHint(error: unknown, settings: NodeSettings): unknown {
  if (!(error instanceof MusterError)) return error;
  const hints: Readonly<Record<string, string>> = {
    STORE_LOCKED: 'Stop the other process, or give this one a folder of its own: --cache-dir',
    STORAGE_UNAVAILABLE: `Check that this user may write to ${settings.cacheDirectory}, or choose another folder: --cache-dir`,
    IDENTITY_INVALID: 'Choose another file, which is made when it is missing: --libp2p-identity-path',
    CREDENTIALS_INVALID: 'One line `user:password` is asked for (credentials_path of the registry).',
    PSK_INVALID: 'Make one with `muster keys psk`, or copy that of the other members there: --psk-path',
  };
  const hint = hints[error.code];
  if (hint === undefined) return error;
  return new MusterError(error.code, error.message, { hint, details: { ...error.details }, cause: error });
}
