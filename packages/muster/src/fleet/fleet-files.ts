/** Reads and writes `fleet.json`, for whoever acts on a running fleet. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode } from '@muster/core';
import { fleetErrors } from './fleet-errors.ts';
import type { FleetFile } from './fleet-file.ts';

/** Where a fleet is unless `--data` says otherwise. */
export const DEFAULT_FLEET_FOLDER = 'muster-data';
export const FLEET_FILE_NAME = 'fleet.json';

/** A fleet of 500 members is about 200 kB. */
const MAX_FLEET_FILE_BYTES = 4 * 1024 * 1024;

/** The fleet that runs in a folder. Rejects FLEET_NOT_RUNNING, FLEET_FOLDER_DAMAGED; errors of the system. */
export async function readFleetFile(folder: string): Promise<FleetFile> {
  const fleet = await readFleetFileIfThere(folder);
  if (fleet === undefined) {
    throw fleetErrors.create('FLEET_NOT_RUNNING', `no fleet runs in ${resolve(folder)}`, {
      details: { folder },
    });
  }
  if (isProcess(fleet.pid)) return fleet;
  throw fleetErrors.create(
    'FLEET_NOT_RUNNING',
    `no fleet runs in ${resolve(folder)}: the last one ended without cleaning up (process ${fleet.pid})`,
    { details: { folder, pid: fleet.pid } },
  );
}

/** The fleet that runs in the folder that is used when none is named. Rejects FLEET_FOLDER_DAMAGED; errors of the system. */
export async function usualFleet(): Promise<FleetFile | undefined> {
  const fleet = await readFleetFileIfThere(DEFAULT_FLEET_FOLDER);
  // One that ended without cleaning up says nothing of what runs now.
  return fleet !== undefined && isProcess(fleet.pid) ? fleet : undefined;
}

/** What the file says, whether the fleet still runs or not; undefined without a file. Rejects FLEET_FOLDER_DAMAGED. */
export async function readFleetFileIfThere(folder: string): Promise<FleetFile | undefined> {
  const path = join(folder, FLEET_FILE_NAME);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  const fleet = text.length > MAX_FLEET_FILE_BYTES ? undefined : parseFleetFile(text);
  if (fleet !== undefined) return fleet;
  throw fleetErrors.create('FLEET_FOLDER_DAMAGED', `${path} does not describe a fleet of this version`, {
    hint: 'If no fleet runs there, remove the file.',
    details: { path },
  });
}

/** What a text says of a fleet; undefined when it is anything else. */
export function parseFleetFile(text: string): FleetFile | undefined {
  try {
    const value = JSON.parse(text) as Partial<FleetFile> | null;
    if (value === null || typeof value !== 'object' || value.version !== 1) return undefined;
    const isWhole =
      typeof value.pid === 'number' &&
      typeof value.folder === 'string' &&
      typeof value.control?.url === 'string' &&
      typeof value.control.tokenFile === 'string' &&
      typeof value.registry?.address === 'string' &&
      typeof value.origin?.url === 'string' &&
      Array.isArray(value.members);
    return isWhole ? (value as FleetFile) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the file in one step: readers see the old one or the new one. */
export async function writeFleetFile(fleet: FleetFile): Promise<void> {
  await writeWhole(join(fleet.folder, FLEET_FILE_NAME), `${JSON.stringify(fleet, undefined, 2)}\n`);
}

/** The fleet has ended. */
export async function removeFleetFile(folder: string): Promise<void> {
  await rm(join(folder, FLEET_FILE_NAME), { force: true });
}

/** Writes a file of mode 0600 beside its place and puts it there. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

/** Whether there is a process of this id. */
export function isProcess(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
