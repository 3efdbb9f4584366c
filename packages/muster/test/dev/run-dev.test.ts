import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { EXIT_CODES, systemClock } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { openFleetFolder } from '../../src/dev/fleet-folder.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorOf, type Outcome, run, TestIo } from '../support/test-io.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
const data = (): string => folder.path('fleet');

/** Runs `muster dev` to its end: everything here keeps it from starting. */
async function dev(...args: readonly string[]): Promise<Outcome> {
  return await run(['dev', '--data', data(), '--json', ...args]);
}

/** A port that is in use as long as the test lasts. */
async function takenPort(): Promise<{ port: number } & Disposable> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, [Symbol.dispose]: () => void server.close() };
}

describe('muster dev', () => {
  it.each(['registry-port', 'page-port'])(
    'says that the port of --%s is in use, and what to do',
    async (flag) => {
      using taken = await takenPort();
      const others = ['registry-port', 'page-port'].flatMap((each) => (each === flag ? [] : [`--${each}=0`]));
      const outcome = await dev(`--${flag}=${taken.port}`, ...others);
      expect(outcome).toMatchObject({ exitCode: EXIT_CODES.addressInUse.code, stdout: '' });
      expect(errorOf(outcome)).toMatchObject({
        code: 'ADDRESS_IN_USE',
        message: expect.stringContaining(String(taken.port)) as string,
        hint: expect.stringContaining(`--${flag}`) as string,
      });
      expect(await readdir(data())).not.toContain('fleet.json');
    },
  );

  it('ends what it has begun when it is to stop while it starts', async () => {
    const io = new TestIo();
    const ended = run(['dev', '--data', data(), '--registry-port=0', '--page-port=0'], io);
    await until('the registry of the fleet has begun', () => existsSync(folder.path('fleet', 'registry')));
    io.stop();
    expect(await ended).toMatchObject({ exitCode: EXIT_CODES.ok.code, stdout: '' });
    // Who was to come later has not been started.
    expect(await readdir(folder.path('fleet', 'logs'))).not.toContain('delta.log');
    expect(await readdir(data())).not.toContain('fleet.json');
  });

  it('does not run twice in a folder', async () => {
    const lock = await openFleetFolder({
      folder: data(),
      musterVersion: '1',
      clock: systemClock,
      acceptClock: false,
    });
    const outcome = await dev();
    expect(outcome.exitCode).toBe(EXIT_CODES.storeLocked.code);
    expect(errorOf(outcome)).toMatchObject({
      code: 'FLEET_RUNNING',
      message: expect.stringMatching(new RegExp(`${data()} already: process ${process.pid}`)) as string,
      hint: expect.stringContaining('--data') as string,
    });
    await lock.release();
  });

  it.each([
    ['a folder with something else', 'letter.txt', 'FLEET_FOLDER_FOREIGN', EXIT_CODES.usage.code],
    ['the store of an earlier version', 'snapshots', 'FLEET_FOLDER_VERSION', EXIT_CODES.usage.code],
    [
      'a folder whose mark is damaged',
      'fleet-folder.json',
      'FLEET_FOLDER_DAMAGED',
      EXIT_CODES.storeDamaged.code,
    ],
  ])('leaves %s alone', async (_, name, code, exitCode) => {
    await mkdir(data());
    await writeFile(folder.path('fleet', name), 'x');
    const outcome = await dev();
    expect(outcome).toMatchObject({ exitCode, stdout: '' });
    expect(errorOf(outcome)).toMatchObject({ code, hint: expect.stringContaining('--data') as string });
    expect(await readdir(data())).toEqual([name]);
  });

  it('does not start in a folder of the future, unless it is told to believe the clock', async () => {
    await mkdir(data());
    const later = Date.now() + 3_600_000;
    const mark = { format: 1, musterVersion: '1', createdAt: later, lastUsedAt: later };
    await writeFile(folder.path('fleet', 'fleet-folder.json'), JSON.stringify(mark));
    const outcome = await dev();
    expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(outcome)).toMatchObject({
      code: 'FLEET_CLOCK',
      hint: expect.stringContaining('--accept-clock') as string,
    });
    using taken = await takenPort();
    const accepted = await dev('--accept-clock', `--registry-port=${taken.port}`);
    expect(errorOf(accepted)).toMatchObject({ code: 'ADDRESS_IN_USE' });
  });

  it.each([['--indexers=0'], ['--nodes=1000'], ['--mirrors=-1'], ['--time-scale=0'], ['--page-port=x']])(
    'refuses %s',
    async (flag) => {
      const outcome = await dev(flag);
      expect(outcome.exitCode).toBe(EXIT_CODES.usage.code);
      expect(errorOf(outcome).code).toBe('CONFIG_INVALID');
    },
  );

  it('has a message for people, too', async () => {
    await mkdir(data());
    await writeFile(folder.path('fleet', 'letter.txt'), 'dear reader');
    const { stderr } = await run(['dev', '--data', data()], new TestIo({ isTerminal: true }));
    expect(stderr).toContain(
      'is not empty and was not made by a fleet (it has letter.txt)\n  Choose another folder',
    );
  });
});
