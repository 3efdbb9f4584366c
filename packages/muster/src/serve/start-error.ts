/** What kept a registry from starting, with the setting to change or the command to run. */
import { errorCode, MusterError } from '@muster/core';
import type { RegistryOptions } from '@muster/registry';
import { cliErrors, EXIT_BY_CODE } from '../cli/cli-errors.ts';
import { formatAddress } from '../settings/address.ts';

type Places = Pick<RegistryOptions, 'listen' | 'http' | 'directory'>;

/** The error as it is to be reported; the same one when there is nothing to add. */
export function startError(error: unknown, places: Places, launcher: string): unknown {
  if (error instanceof MusterError) return damageError(error, places, launcher) ?? error;
  return error instanceof Error ? (listenError(error, places) ?? error) : error;
}

/** Damage, with the command that looks at this very store. */
function damageError(error: MusterError, { directory }: Places, launcher: string): Error | undefined {
  if (EXIT_BY_CODE[error.code] !== 'storeDamaged' || directory === undefined) return undefined;
  const verify = `${launcher} registry verify --data ${directory}`;
  const rest =
    error.code === 'STORE_INCOMPLETE' || error.code === 'STORE_FOREIGN'
      ? (error.hint ?? '')
      : 'Then restore a backup, or start once with --recover, which keeps the damaged files beside the repaired ones.';
  return new MusterError(error.code, error.message, {
    hint: `Nothing was changed. See what can be saved: ${verify}\n  ${rest}`,
    details: { ...error.details },
    cause: error,
  });
}

/** Errors of listening; undefined for all others. */
function listenError(error: Error, { listen, http }: Places): Error | undefined {
  if (!('syscall' in error)) return undefined;
  const code = errorCode(error);
  const port = 'port' in error ? error.port : undefined;
  const isHttp = http !== undefined && port === http.port && port !== listen.port;
  const setting = isHttp ? 'http' : 'registry-addr';
  const address = isHttp ? http : listen;
  const place = formatAddress(address);
  const options = { details: { setting, address: place }, cause: error };
  if (code === 'EADDRINUSE') {
    const other = formatAddress({ ...address, port: address.port === 65_535 ? 0 : address.port + 1 });
    return cliErrors.create('ADDRESS_IN_USE', `another program listens on ${place}`, {
      ...options,
      hint: `Stop it, or choose another address: --${setting} ${other}`,
    });
  }
  if (error.syscall === 'getaddrinfo' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') {
    return cliErrors.create('ADDRESS_UNUSABLE', `${place} is no address of this machine (${code})`, {
      ...options,
      hint: `Choose another one: --${setting} 127.0.0.1:${address.port}`,
    });
  }
  if ((code === 'EACCES' || code === 'EPERM') && error.syscall === 'listen') {
    return cliErrors.create('ADDRESS_FORBIDDEN', `the system does not let this user listen on ${place}`, {
      ...options,
      hint: `Ports below 1024 are for the administrator of the machine. Choose another: --${setting} 127.0.0.1:9000`,
    });
  }
  return undefined;
}
