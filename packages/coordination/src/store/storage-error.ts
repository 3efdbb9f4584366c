import { errorCode, MusterError } from '@muster/core';
import { coordinationErrors } from '../errors.ts';

/** The error as STORAGE_UNAVAILABLE, unless it is a coded one of this package already. */
export function storageError(error: unknown, what: string): MusterError {
  const code = errorCode(error);
  if (error instanceof MusterError && Object.hasOwn(coordinationErrors.definitions, error.code)) return error;
  return coordinationErrors.create('STORAGE_UNAVAILABLE', code === undefined ? what : `${what}: ${code}`, {
    details: code === undefined ? {} : { errno: code },
    cause: error,
  });
}
