import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crashAgainAndAgain } from '../e2e/support/crashes.ts';

const ROUNDS = Number(process.env['MUSTER_KILL_ROUNDS'] ?? 200);
const SEED = Number(process.env['MUSTER_KILL_SEED'] ?? 7);

test(`nothing that was acknowledged is lost in ${ROUNDS} crashes (seed ${SEED})`, async ({ annotate }) => {
  const directory = await mkdtemp(join(tmpdir(), 'muster-crashes-'));
  try {
    const report = await crashAgainAndAgain({
      directory,
      rounds: ROUNDS,
      actors: 32,
      seed: SEED,
      maxAcknowledgements: 4_000,
      // Long runs are made in the background, where a start waits for other work.
      readyWithinMs: 900_000,
      end: async (server) => server.kill(),
    });
    await annotate(
      `${report.exits.length} crashes, ${report.acknowledged} writes acknowledged, ` +
        `${report.differences.length} of them lost or changed`,
    );
    expect(report.differences).toEqual([]);
    expect(report.exits).toHaveLength(ROUNDS);
    expect(report.acknowledged).toBeGreaterThan(ROUNDS);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
