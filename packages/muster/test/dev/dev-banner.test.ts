import { expect, it } from 'vitest';
import { commandsToTry, devBanner, devReadyEvent } from '../../src/dev/dev-banner.ts';
import type { FleetFile, FleetRole } from '../../src/fleet/fleet-file.ts';
import { fleetFile } from '../support/fleet-file.ts';

const announcement = {
  fleet: {
    ...fleetFile('/fleet'),
    members: [
      {
        name: 'registry',
        role: 'registry' as const,
        state: 'running' as const,
        pid: 11,
        status: '127.0.0.1:9001',
      },
      { name: 'alpha', role: 'node' as const, state: 'running' as const, pid: 13 },
      { name: 'bravo', role: 'node' as const, state: 'running' as const, pid: 14 },
      {
        name: 'mirror-1',
        role: 'mirror' as const,
        state: 'running' as const,
        pid: 12,
        mirror: '127.0.0.1:5000',
      },
    ],
  },
  joinLine: 'mst1.abc',
  joinExpiresAt: 7,
  timeScale: 0.25,
  pageProblem: undefined,
  startedInMs: 8_250,
  launcher: 'npx muster',
  folderFlag: '',
};

it('a banner says where all is, what is not safe, how to join and what to try', () => {
  const text = devBanner(announcement);
  for (const part of [
    'a fleet of 4 processes runs on this machine, ready after 8.3 s',
    'http://127.0.0.1:8080/',
    'data folder  /fleet',
    'durability',
    'in the file /fleet/admin-token',
    'token in the file /fleet/control-token',
    'mirror-1  mirror    12       ',
    'Not safe here:',
    'without TLS',
    'multiplied by 0.25',
    'npx muster join mst1.abc',
    'npx muster find bravo',
    'Ctrl-C stops it.',
  ]) {
    expect(text).toContain(part);
  }
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/\u001b/);
});

it('a banner says when there is no page to show, and tells of a fleet in real time nothing about time', () => {
  const text = devBanner({ ...announcement, pageProblem: 'it has not been built', timeScale: 1 });
  expect(text).toContain('http://127.0.0.1:8080/, but it has not been built');
  expect(text).not.toContain('multiplied');
});

function fleetOf(counts: Readonly<Partial<Record<FleetRole, number>>>): FleetFile {
  const members = Object.entries(counts).flatMap(([role, amount]) =>
    Array.from({ length: amount }, (_, index) => ({
      name: `${role}-${index + 1}`,
      role: role as FleetRole,
      state: 'running' as const,
    })),
  );
  return { ...fleetFile('/fleet'), members };
}

it('commands to try name the folder when it is not the default one', () => {
  const fleet = fleetOf({ registry: 1, indexer: 2, node: 4, mirror: 4 });
  const commands = commandsToTry({ fleet, launcher: 'muster', folderFlag: '--fleet /x' }).map(
    ([command]) => command,
  );
  expect(commands).toEqual([
    'muster find node-4 --fleet /x',
    'muster pull fleet.localhost/demo/app:v1 --fleet /x',
    'muster demo kill-registry --fleet /x',
    'muster demo liar --fleet /x',
    'muster demo pull --peers 20 --fleet /x',
    'muster demo partition --fleet /x',
  ]);
});

it('commands to try are such as the fleet has members for', () => {
  const fleet = fleetOf({ registry: 1, indexer: 1 });
  const commands = commandsToTry({ fleet, launcher: 'muster', folderFlag: '' }).map(([command]) => command);
  expect(commands).toEqual(['muster find indexer-1', 'muster demo pull --peers 20']);
});

it('scripts are told the same', () => {
  expect(devReadyEvent(announcement)).toMatchObject({
    event: 'ready',
    page: 'http://127.0.0.1:8080/',
    pageProblem: null,
    folder: '/fleet',
    join: 'mst1.abc',
    joinExpiresAt: 7,
    startedInMs: 8_250,
    members: [{ name: 'registry' }, { name: 'alpha' }, { name: 'bravo' }, { name: 'mirror-1' }],
  });
});
