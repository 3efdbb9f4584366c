import { stat, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { FleetFile } from '../../src/fleet/fleet-file.ts';
import {
  isProcess,
  parseFleetFile,
  readFleetFile,
  readFleetFileIfThere,
  removeFleetFile,
  writeFleetFile,
} from '../../src/fleet/fleet-files.ts';
import { fleetFile } from '../support/fleet-file.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const NO_PROCESS = 2 ** 22 + 1;

it('what was written is read, and only its owner can read it', async () => {
  const fleet = fleetFile(folder.path());
  await writeFleetFile(fleet);
  expect(await readFleetFile(folder.path())).toEqual(fleet);
  expect((await stat(folder.path('fleet.json'))).mode & 0o777).toBe(0o600);
  await removeFleetFile(folder.path());
  await removeFleetFile(folder.path());
  expect(await readFleetFileIfThere(folder.path())).toBeUndefined();
});

it('without a fleet it is said how to start one', async () => {
  const hint = expect.stringContaining('npm start') as string;
  await expect(readFleetFile(folder.path())).rejects.toMatchObject({ code: 'FLEET_NOT_RUNNING', hint });
  await expect(readFleetFile(folder.path('nowhere'))).rejects.toMatchObject({ code: 'FLEET_NOT_RUNNING' });
  await writeFleetFile({ ...fleetFile(folder.path()), pid: NO_PROCESS });
  await expect(readFleetFile(folder.path())).rejects.toMatchObject({ code: 'FLEET_NOT_RUNNING' });
});

it.each(['', 'no json', '[]', 'null', '{"version":2}', '{"version":1,"pid":1}'])(
  'a file with %j is no fleet',
  async (text) => {
    await writeFile(folder.path('fleet.json'), text);
    await expect(readFleetFile(folder.path())).rejects.toMatchObject({ code: 'FLEET_FOLDER_DAMAGED' });
  },
);

it('every part of the file is asked for', () => {
  const whole = fleetFile('/x') as FleetFile & Record<string, unknown>;
  for (const key of ['version', 'pid', 'folder', 'control', 'registry', 'origin', 'members']) {
    expect(parseFleetFile(JSON.stringify({ ...whole, [key]: undefined }))).toBeUndefined();
  }
  expect(parseFleetFile(JSON.stringify(whole))).toEqual(whole);
});

it('knows processes from numbers', () => {
  expect(isProcess(process.pid)).toBe(true);
  for (const pid of [0, -1, 1.5, NO_PROCESS]) expect(isProcess(pid)).toBe(false);
});
