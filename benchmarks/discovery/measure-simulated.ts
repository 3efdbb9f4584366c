import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { costOf, type SimulatedCost } from './curve.ts';

export const SIMULATED_IDS = ['sim'];

const SEED = 1;
const SIMULATOR = join(import.meta.dirname, '../../simulation/run.ts');
const LIMIT_MS = 3_600_000;
/** The largest fleet needs more than the runtime takes by itself. */
const HEAP_MIB = 12_288;

/** The cost of a node for fleets that no machine could hold, in virtual time. */
export async function measureSimulated(context: BenchmarkContext): Promise<void> {
  const costs = new Map<number, SimulatedCost>();
  for (const nodes of context.quick ? [100] : [100, 1000, 10_000]) {
    if (!context.wants(`sim.cost.${nodes}`, 'sim.growth')) continue;
    context.progress(`simulation of ${nodes} nodes`);
    const cost = costOf(await simulate(nodes, context.quick), nodes);
    costs.set(nodes, cost);
    context.report({
      id: `sim.cost.${nodes}`,
      value: cost.kib,
      unit: 'KiB/min',
      note: `traffic of a node without bandwidth probes, ${cost.kibWithProbes} with; ${cost.heartbeatFrames} heartbeat frames, ${cost.streams} other streams, ${cost.puts} puts, ${cost.dhtRequests} requests of the hash table; an indexer ${cost.indexerKib} KiB/min; simulated, one indexer for 50 nodes but at least 5, seed ${SEED}, ${cost.speed} times real time`,
    });
  }
  const [smallest, largest] = [costs.get(100), costs.get(10_000)];
  if (smallest === undefined || largest === undefined) return;
  context.report({
    id: 'sim.growth',
    value: largest.kib / smallest.kib,
    unit: 'x',
    note: 'sim.cost.10000 / sim.cost.100: what a node costs in a fleet a hundred times as large',
  });
}

async function simulate(nodes: number, quick: boolean): Promise<string> {
  const args = ['discovery', '--scenario', 'curve', '--seed', `${SEED}`, '--nodes', `${nodes}`, '--json'];
  const program = ['--conditions=muster-source', `--max-old-space-size=${HEAP_MIB}`, SIMULATOR];
  const minutes = quick ? ['--minutes', '1'] : [];
  return await new Promise((resolve, reject) => {
    const options = { maxBuffer: 2 ** 26, timeout: LIMIT_MS };
    execFile(process.execPath, [...program, ...args, ...minutes], options, (error, stdout) => {
      // It ends with 1 when one of its own targets is missed, and has told all the same.
      if (error === null || stdout.startsWith('[')) resolve(stdout);
      else reject(error);
    });
  });
}
