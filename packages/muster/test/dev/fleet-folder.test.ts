import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { CLOCK_TOLERANCE_MS, openFleetFolder, touchFleetFolder } from '../../src/dev/fleet-folder.ts';
import { readOrCreateSecret } from '../../src/fleet/secret-file.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();
const path = (): string => folder.path('fleet');

async function open(options: Partial<Parameters<typeof openFleetFolder>[0]> = {}): Promise<void> {
  const lock = await openFleetFolder({
    folder: path(),
    musterVersion: '1.2.3',
    clock: new ManualClock(),
    acceptClock: false,
    ...options,
  });
  await lock.release();
}

describe('the folder of a fleet', () => {
  it('is made for its owner only, and taken again', async () => {
    await open();
    expect((await stat(path())).mode & 0o777).toBe(0o700);
    await open();
    expect(JSON.parse(await readFile(folder.path('fleet', 'fleet-folder.json'), 'utf8'))).toMatchObject({
      format: 1,
      musterVersion: '1.2.3',
    });
  });

  it('is locked against a second fleet, which is told who has it', async () => {
    const parts = { folder: path(), musterVersion: '1', clock: new ManualClock(), acceptClock: false };
    const lock = await openFleetFolder(parts);
    await expect(openFleetFolder(parts)).rejects.toMatchObject({
      code: 'FLEET_RUNNING',
      details: { folder: path(), pid: process.pid },
    });
    await lock.release();
    await lock.release();
    await open();
  });

  it('is not one that holds something else, and that stays as it is', async () => {
    await mkdir(path());
    await writeFile(folder.path('fleet', 'letter.txt'), 'dear reader');
    await expect(open()).rejects.toMatchObject({ code: 'FLEET_FOLDER_FOREIGN' });
    expect(await readdir(path())).toEqual(['letter.txt']);
    await expect(open({ folder: folder.path('fleet', 'letter.txt') })).rejects.toMatchObject({
      code: 'FLEET_FOLDER_FOREIGN',
    });
  });

  it('is not the store of a single registry, which is told how to go on', async () => {
    await mkdir(folder.path('fleet', 'log'), { recursive: true });
    const hint = expect.stringContaining('registry serve --data') as string;
    await expect(open()).rejects.toMatchObject({ code: 'FLEET_FOLDER_VERSION', hint });
    expect(await readdir(path())).toEqual(['log']);
  });

  it('is not one of a newer version, nor one whose mark is damaged', async () => {
    await open();
    const mark = folder.path('fleet', 'fleet-folder.json');
    const newer = { ...(JSON.parse(await readFile(mark, 'utf8')) as object), format: 2 };
    await writeFile(mark, JSON.stringify(newer));
    await expect(open()).rejects.toMatchObject({ code: 'FLEET_FOLDER_VERSION' });
    for (const text of ['', 'null', '{"format":"x"}']) {
      await writeFile(mark, text);
      await expect(open()).rejects.toMatchObject({ code: 'FLEET_FOLDER_DAMAGED' });
    }
  });

  it('needs room on the disk', async () => {
    await expect(open({ freeBytes: async () => 1_000 })).rejects.toMatchObject({ code: 'FLEET_DISK_FULL' });
    expect(await readdir(path())).toEqual([]);
  });

  it('needs a clock that has not gone back by much, unless a person says so', async () => {
    const clock = new ManualClock();
    await open({ clock });
    clock.advance(3_600_000);
    await touchFleetFolder(path(), clock);
    const earlier = new ManualClock();
    await expect(open({ clock: earlier })).rejects.toMatchObject({ code: 'FLEET_CLOCK' });
    earlier.advance(3_600_000 - CLOCK_TOLERANCE_MS);
    await open({ clock: earlier });
    await open({ clock: new ManualClock(), acceptClock: true });
    await open({ clock: new ManualClock() });
  });

  it('needs a clock of this century', async () => {
    await expect(open({ clock: new ManualClock(0) })).rejects.toMatchObject({ code: 'FLEET_CLOCK' });
  });
});

describe('a secret', () => {
  it('is made once, and only its owner can read it', async () => {
    const file = folder.path('secret');
    const secret = await readOrCreateSecret(file);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(await readOrCreateSecret(file)).toBe(secret);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('that others can read, or that is empty, is refused', async () => {
    await writeFile(folder.path('open'), 'x', { mode: 0o644 });
    await writeFile(folder.path('empty'), '\n', { mode: 0o600 });
    for (const name of ['open', 'empty']) {
      await expect(readOrCreateSecret(folder.path(name))).rejects.toMatchObject({
        code: 'FLEET_FOLDER_DAMAGED',
      });
    }
  });
});
