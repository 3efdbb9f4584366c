import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemTimers } from '@muster/core';
import { afterEach, expect, it } from 'vitest';
import { endLeftovers } from '../../src/dev/leftovers.ts';
import { isProcess, writeFleetFile } from '../../src/fleet/fleet-files.ts';
import { fleetFile } from '../support/fleet-file.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** A process that ends when its channel does, as members do; or, with `deaf`, only when it is killed. */
async function start(program: string, argument: string, deaf = false): Promise<ChildProcess> {
  const path = folder.path(program);
  const ending = deaf ? 'setInterval(() => {}, 1000)' : "process.on('disconnect', () => process.exit())";
  await writeFile(path, `${ending}; process.send('up');`);
  const child = spawn(process.execPath, [path, argument], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  started.push(child);
  await once(child, 'message');
  return child;
}

async function note(...children: readonly ChildProcess[]): Promise<void> {
  const members = children.map(({ pid }, index) => ({
    name: `n${index}`,
    role: 'node' as const,
    state: 'running' as const,
    pid: pid ?? 0,
  }));
  await writeFleetFile({ ...fleetFile(folder.path('fleet')), members });
}

it('lets a paused member go on, which then hears that its supervisor is gone', async () => {
  await mkdir(folder.path('fleet'));
  const child = await start('muster.mjs', join(folder.path('fleet'), 'key.pem'));
  child.kill('SIGSTOP');
  await note(child);
  const ended = once(child, 'exit');
  child.disconnect();
  expect(await endLeftovers(folder.path('fleet'), systemTimers)).toBe(1);
  await ended;
});

it('leaves processes of others alone, whatever the file says', async () => {
  await mkdir(folder.path('fleet'));
  const others = [
    await start('other.mjs', join(folder.path('fleet'), 'key.pem'), true),
    await start('muster.mjs', '/another/fleet/key.pem', true),
  ];
  await note(...others);
  expect(await endLeftovers(folder.path('fleet'), systemTimers)).toBe(0);
  expect(others.map(({ pid }) => isProcess(pid ?? 0))).toEqual([true, true]);
});

it('has nothing to do where there was no fleet, or its file is damaged', async () => {
  await mkdir(folder.path('fleet'));
  expect(await endLeftovers(folder.path('fleet'), systemTimers)).toBe(0);
  await writeFile(folder.path('fleet', 'fleet.json'), 'no json');
  expect(await endLeftovers(folder.path('fleet'), systemTimers)).toBe(0);
});
