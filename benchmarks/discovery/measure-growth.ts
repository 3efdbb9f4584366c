import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, percentile } from '../harness/statistics.ts';
import { Fleet } from './fleet.ts';
import { converge, searchAll, watch } from './measure-fleet.ts';

export const GROWTH_IDS = ['growth'];

const PROCESSES = 2;
const KIB = 2 ** 10;
const MIB = 2 ** 20;

/** How cost and delays grow with the number of real hosts. More than two processes do not fit two cores. */
export async function measureGrowth(context: BenchmarkContext, folder: string): Promise<void> {
  for (const peers of context.quick ? [20] : [20, 50, 100]) {
    if (!context.wants(`growth.${peers}`)) continue;
    const indexers = Math.max(context.quick ? 3 : 5, peers / 10);
    const plan = { folder: `${folder}/${peers}`, indexers, nodes: peers - indexers, processes: PROCESSES };
    context.progress(`${peers} peers: ${indexers} indexers among them, in ${PROCESSES} processes`);
    const fleet = await Fleet.make(plan);
    try {
      await measureSize(context, fleet, peers);
    } finally {
      await fleet.close();
    }
  }
}

async function measureSize(context: BenchmarkContext, fleet: Fleet, peers: number): Promise<void> {
  const { quick } = context;
  const id = (name: string): string => `growth.${peers}.${name}`;
  const how = `${peers} hosts, ${fleet.indexers.length} of them indexers, in ${PROCESSES} processes of ${peers / PROCESSES}`;
  const { healthyMs, fullMs, lateHealthy, lateFull, startSeconds } = await converge(fleet, quick);
  context.progress(`${peers} peers have started`);
  context.report({
    id: id('convergence.p95'),
    value: percentile(healthyMs, 0.95) / 1000,
    unit: 's',
    note: `start of all at once to the first healthy indexer, all up after ${formatValue(startSeconds)} s, ${lateHealthy} of ${healthyMs.length} nodes counted with the limit; a full pool after ${formatValue(median(fullMs) / 1000)} s in the median, ${lateFull} pools not full in time; ${how}`,
  });
  // A quick run has no time for as many heartbeats as say something.
  if (!quick) await measureTraffic(context, fleet, id, how);
  const resident = fleet.processes.reduce((all, { pid }) => all + processFigures(pid).residentBytes, 0);
  context.report({
    id: id('rss'),
    value: resident / peers / MIB,
    unit: 'MiB',
    note: `VmRSS of both processes, by host; ${how}`,
  });
  const { firstHitMs, searches } = await searchAll(fleet.nodes, 1);
  if (firstHitMs.length === 0) return;
  context.report({
    id: id('search.p95'),
    value: percentile(firstHitMs, 0.95),
    unit: 'ms',
    note: `question to first hit, ${firstHitMs.length} of ${searches} searches found the node; ${how}`,
  });
}

async function measureTraffic(
  context: BenchmarkContext,
  fleet: Fleet,
  id: (name: string) => string,
  how: string,
): Promise<void> {
  const { minutes, hosts, counts, socketBytes, cpuSeconds } = await watch(fleet, fleet.members, 120);
  const over = `mean of all hosts over ${formatValue(minutes)} minutes; ${how}`;
  context.report({
    id: id('bytes'),
    value: socketBytes / hosts / minutes / KIB,
    unit: 'KiB/min',
    note: `on TCP, both ways, by host; ${over}`,
  });
  context.report({
    id: id('frames'),
    value: counts.frames / hosts / minutes,
    unit: 'frames/min',
    note: `messages by host, without the hash table and gossip; ${over}`,
  });
  context.report({
    id: id('cpu'),
    value: ((cpuSeconds / hosts) * 1000) / minutes,
    unit: 'ms/min',
    note: `processor time by host; ${over}`,
  });
}
