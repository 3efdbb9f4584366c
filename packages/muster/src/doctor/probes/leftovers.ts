/** Looks for what interrupted programs leave: a fleet file without its fleet, temporary files of keys, states and measurements. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemClock } from '@muster/core';
import { isProcess } from '../../fleet/fleet-files.ts';
import type { LeftoverFacts } from '../checks/leftovers.ts';
import { isMuster } from '../checks/ports.ts';
import type { Subject } from '../subject.ts';
import { MEASUREMENT_PREFIX } from './disk.ts';
import { commandOf } from './port-owner.ts';

/** Younger files may be of a program that is about to rename them. */
const OLD_MS = 60_000;
const MAX_ENTRIES = 10_000;

/** Never rejects. */
export async function lookForLeftovers(subject: Subject): Promise<LeftoverFacts> {
  const folders = new Set([
    ...subject.folders.map(({ path }) => path),
    ...subject.secrets.map(({ path }) => dirname(path)),
  ]);
  const files: LeftoverFacts['files'][number][] = [];
  for (const folder of folders) files.push(...(await leftoverFilesIn(folder, subject)));
  return {
    fleetFiles: await Promise.all(subject.fleetFiles.map((file) => lookAtFleetFile(file, subject))),
    files,
    folders: folders.size,
  };
}

async function lookAtFleetFile(
  { path, pid }: Subject['fleetFiles'][number],
  { members }: Subject,
): Promise<LeftoverFacts['fleetFiles'][number]> {
  const isRunning = isProcess(pid);
  const withPid = members.flatMap(({ name, pid: member, state }) =>
    member === undefined ? [] : [{ name, pid: member, state }],
  );
  const orphans: { readonly name: string; readonly pid: number }[] = [];
  if (!isRunning) {
    for (const { name, pid: member } of withPid) {
      // Process ids are used again: only one of ours is one that was left.
      if (isProcess(member) && isMuster(await commandOf(member))) orphans.push({ name, pid: member });
    }
  }
  const dead = isRunning
    ? withPid.filter(({ state, pid: member }) => state === 'running' && !isProcess(member))
    : [];
  return { path, pid, isRunning, orphans, dead };
}

async function leftoverFilesIn(
  folder: string,
  { secrets }: Subject,
): Promise<readonly LeftoverFacts['files'][number][]> {
  const found: LeftoverFacts['files'][number][] = [];
  const names = (await readdir(folder).catch(() => [])).slice(0, MAX_ENTRIES);
  for (const name of names) {
    const of = originOf(
      name,
      secrets.map(({ path }) => basename(path)),
    );
    if (of === undefined) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => systemClock.now() - mtimeMs,
      () => 0,
    );
    if (age > OLD_MS) found.push({ path, of });
  }
  return found;
}

/** Which program leaves a file of such a name; undefined for all others. */
export function originOf(name: string, secretNames: readonly string[]): string | undefined {
  if (!name.endsWith('.tmp')) return undefined;
  if (name.startsWith(MEASUREMENT_PREFIX)) return 'a measurement that was killed';
  if (/^fleet\.json\.\d+\.tmp$/.test(name)) return 'a fleet that was killed';
  const secret = secretNames.find((each) => name.startsWith(`${each}.`));
  return secret === undefined ? undefined : `${secret}, whose making was interrupted`;
}
