import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { FROZEN_IDS, measureFailures, REPLACE_IDS } from './measure-failures.ts';
import { FLEET_IDS, measureFleet } from './measure-fleet.ts';
import { GROWTH_IDS, measureGrowth } from './measure-growth.ts';
import { HEARTBEAT_IDS, measureHeartbeats, measureShutdown, SHUTDOWN_IDS } from './measure-heartbeats.ts';
import { measureSimulated, SIMULATED_IDS } from './measure-simulated.ts';

type Part = () => Promise<void>;

/** Discovery's figures; what the ids mean is in README.md. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  // What has been measured for an hour is not lost because the next part fails.
  const part =
    (ids: readonly string[], name: string, measure: (folder: string) => Promise<void>): Part =>
    async () => {
      if (!context.wants(...ids)) return;
      try {
        await measure(join(root, name));
      } catch (error) {
        process.stderr.write(`${name} failed: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      }
    };
  const fleet = part(FLEET_IDS, 'fleet', (folder) => measureFleet(context, folder));
  const failures = part([...REPLACE_IDS, ...FROZEN_IDS], 'failures', (folder) =>
    measureFailures(context, folder),
  );
  const heartbeats = part(HEARTBEAT_IDS, 'heartbeats', (folder) => measureHeartbeats(context, folder));
  const shutdown = part(SHUTDOWN_IDS, 'shutdown', (folder) => measureShutdown(context, folder));
  const growth = part(GROWTH_IDS, 'growth', (folder) => measureGrowth(context, folder));
  const simulated = part(SIMULATED_IDS, 'simulated', () => measureSimulated(context));
  try {
    // A quick run does what mostly waits beside what mostly works; a full one disturbs nothing.
    if (context.quick) {
      await inTurn([heartbeats, shutdown]);
      await Promise.all([inTurn([fleet, growth]), inTurn([failures, simulated])]);
    } else await inTurn([fleet, failures, heartbeats, shutdown, growth, simulated]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function inTurn(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part();
}
