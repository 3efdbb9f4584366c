import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_CODES } from '@muster/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Actor } from './support/actor.ts';
import { createNetwork } from './support/crashes.ts';
import { ServerProcess, type ServeOptions } from './support/server-process.ts';

const SMALL = 'size=600k';

function mount(directory: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'ignore' });
}

/** A file system of its own needs rights that not everybody has. */
function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'muster-mount-'));
  try {
    mount(directory, SMALL);
    execFileSync('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-full-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Loads a server until the disk is full; then looks, after `makeRoom`, whether anything is missing. */
async function fillUp(options: ServeOptions, makeRoom: () => void, errorText: RegExp): Promise<void> {
  await using server = await ServerProcess.start(options);
  const network = await createNetwork(server.port);
  const actors = Array.from({ length: 16 }, (_, i) => new Actor(i, 11, network));
  await Promise.all(
    actors.map(async (actor) =>
      actor.act(
        server.port,
        () => {},
        () => false,
      ),
    ),
  );
  expect(await server.exited).toEqual({ code: EXIT_CODES.diskFailed.code, signal: null });
  expect(server.errors).toMatch(errorText);
  expect(server.errors).toMatch(/LOG_FAILED|what was acknowledged/);
  expect(actors.reduce((sum, actor) => sum + actor.acknowledgements, 0)).toBeGreaterThan(500);
  makeRoom();
  await using after = await ServerProcess.start({ directory: options.directory });
  const differences = await Promise.all(actors.map(async (actor) => actor.differences(after.port)));
  expect(differences.flat()).toEqual([]);
  for (const actor of actors) {
    let more = 0;
    await actor.act(
      after.port,
      () => more++,
      () => more >= 5,
    );
    expect(more).toBe(5);
  }
}

describe('a disk that is full', () => {
  test('stops the server with a message and its exit code; nothing acknowledged is lost (limit on the size of files)', async () => {
    // The signal of the limit is ignored, so that the write fails as it does on a full disk.
    await fillUp({ directory, shell: "trap '' XFSZ; ulimit -f 300" }, () => {}, /EFBIG/);
  });

  describe.runIf(canMount())('of its own', () => {
    test('does the same', async () => {
      mount(directory, SMALL);
      try {
        const makeRoom = (): void => {
          execFileSync('mount', ['-o', 'remount,size=32m', directory]);
        };
        await fillUp({ directory }, makeRoom, /ENOSPC/);
      } finally {
        execFileSync('umount', [directory]);
      }
    });
  });
});
