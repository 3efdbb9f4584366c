import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crashAgainAndAgain } from './support/crashes.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-crash-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('nothing that was acknowledged is lost', () => {
  test('when the process is killed at random points', async () => {
    const report = await crashAgainAndAgain({
      directory,
      rounds: 10,
      actors: 24,
      seed: 1,
      maxAcknowledgements: 1_500,
      end: async (server) => server.kill(),
    });
    expect(report.differences).toEqual([]);
    expect(report.exits.map(({ signal }) => signal)).toEqual(Array<string>(10).fill('SIGKILL'));
    expect(report.acknowledged).toBeGreaterThan(1_000);
  });

  test('when it is asked to stop under load, which ends cleanly', async () => {
    const report = await crashAgainAndAgain({
      directory,
      rounds: 3,
      actors: 24,
      seed: 2,
      maxAcknowledgements: 1_500,
      end: async (server) => server.stop(),
    });
    expect(report.differences).toEqual([]);
    expect(report.exits).toEqual(Array.from({ length: 3 }, () => ({ code: 0, signal: null })));
  });
});
