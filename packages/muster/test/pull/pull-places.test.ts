import { loadConfig } from '@muster/core';
import { expect, it } from 'vitest';
import { writeFleetFile } from '../../src/fleet/fleet-files.ts';
import { placesOf } from '../../src/pull/pull-places.ts';
import { parseReference } from '../../src/pull/reference.ts';
import { pullSettings } from '../../src/settings/pull-settings.ts';
import { fleetFile } from '../support/fleet-file.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const OWN = parseReference('fleet.localhost/demo/app:v1');
const OTHER = parseReference('docker.io/library/alpine:3');

async function places(reference: typeof OWN, flags: Readonly<Record<string, string>>) {
  const config = loadConfig(pullSettings, { flags });
  return await placesOf(reference, { config, values: config.values });
}

async function fleetWith(state: 'running' | 'killed'): Promise<string> {
  const path = folder.path('.');
  const mirror = { name: 'mirror-1', role: 'mirror' as const };
  await writeFleetFile({
    ...fleetFile(path),
    members: [
      { ...mirror, name: 'mirror-0', state: 'killed', mirror: '127.0.0.1:7000' },
      { ...mirror, state, mirror: '127.0.0.1:7001' },
    ],
  });
  return path;
}

it('a pull asks whom the settings name, or the fleet that they name', async () => {
  expect(await places(OWN, {})).toMatchObject({ mirror: '127.0.0.1:5000', endpoint: undefined });
  const fleet = await fleetWith('running');
  expect(await places(OWN, { fleet })).toMatchObject({
    mirror: '127.0.0.1:7001',
    endpoint: 'http://127.0.0.1:2',
  });
  // Its mirrors know other registries by their names, and so does whoever resolves a tag.
  expect(await places(OTHER, { fleet })).toMatchObject({ mirror: '127.0.0.1:7001', endpoint: undefined });
  const given = { fleet, mirror: '127.0.0.1:8000', origin: 'http://127.0.0.1:8001' };
  expect(await places(OWN, given)).toMatchObject({
    mirror: '127.0.0.1:8000',
    endpoint: 'http://127.0.0.1:8001',
  });
});

it('a pull says that no fleet runs, or none of its mirrors', async () => {
  await expect(places(OWN, { fleet: folder.path('none') })).rejects.toMatchObject({
    code: 'FLEET_NOT_RUNNING',
  });
  await expect(places(OWN, { fleet: await fleetWith('killed') })).rejects.toMatchObject({
    code: 'MIRROR_UNREACHABLE',
  });
});
