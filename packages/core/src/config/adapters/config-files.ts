import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { coreErrors } from '../../core-errors.ts';
import type { ConfigFile } from '../config-file.ts';
import type { SecretFile } from '../load.ts';

/**
 * Reads the configuration file.
 *
 * @throws CONFIG_INVALID when it cannot be read.
 */
export function readConfigFile(path: string): ConfigFile {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (cause) {
    const message = `the configuration file ${path} cannot be read: ${(cause as Error).message}`;
    throw coreErrors.create('CONFIG_INVALID', message, { details: { path }, cause });
  }
}

/**
 * Reads those of the files that exist.
 *
 * @throws CONFIG_INVALID when one exists and cannot be read.
 */
export function readStandardFiles(paths: readonly string[]): readonly ConfigFile[] {
  return paths.flatMap((path) => (existsSync(path) ? [readConfigFile(path)] : []));
}

/** Reads a secret's file with its permissions, both from the one opened file. Throws the system's error. */
export function readSecretFile(path: string): SecretFile {
  const descriptor = openSync(path, 'r');
  try {
    const mode = process.platform === 'win32' ? undefined : fstatSync(descriptor).mode;
    return { text: readFileSync(descriptor, 'utf8'), mode };
  } finally {
    closeSync(descriptor);
  }
}
