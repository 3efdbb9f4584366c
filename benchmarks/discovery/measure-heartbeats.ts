import { join } from 'node:path';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures, TaskProcess } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, percentile } from '../harness/statistics.ts';
import { Fleet, type Member } from './fleet.ts';
import type { Handled } from './fleet-process.ts';
import type { LoadPlan, LoadRun } from './load-process.ts';
import { NodeProgram } from './program.ts';

export const HEARTBEAT_IDS = ['hb', 'rss.indexer.500'];
export const SHUTDOWN_IDS = ['shutdown'];

const TICK_MS = 20_000;
const MIB = 2 ** 20;

/** One indexer with many nodes (M-16): at the pace of nodes, and as fast as it answers. */
export async function measureHeartbeats(context: BenchmarkContext, folder: string): Promise<void> {
  const { quick } = context;
  const clients = quick ? 60 : 500;
  const fleet = await Fleet.make({ folder, indexers: 1, nodes: 0, indexerFlags: limits(clients) });
  const load = startLoad();
  try {
    await fleet.start();
    const [indexer] = fleet.indexers as [Member];
    context.progress(`${clients} light nodes connect`);
    const seconds = await load.run<number>('connect', planOf(fleet, indexer, clients));
    const connected = `${clients} light nodes in one other process, connected within ${formatValue(seconds)} s`;
    await measurePace(context, indexer, load, connected);
    await measureRate(context, indexer, load, connected);
    context.report({
      id: 'rss.indexer.500',
      value: processFigures(indexer.process.pid).residentBytes / MIB,
      unit: 'MiB',
      note: `VmRSS of the indexer after that; ${connected}`,
    });
  } finally {
    await load.kill();
    await fleet.close();
  }
}

/** As nodes do it: one heartbeat in 20 s each. */
async function measurePace(
  context: BenchmarkContext,
  indexer: Member,
  load: TaskProcess,
  connected: string,
): Promise<void> {
  // The first heartbeat of each is the dearest: the node becomes known, its record is put into the hash table.
  await load.run<LoadRun>('beatFor', {
    seconds: context.quick ? 3 : 30,
    periodMs: context.quick ? 2000 : TICK_MS,
  });
  await indexer.process.run<Handled>('takeHandled');
  const seconds = context.quick ? 5 : 120;
  context.progress(`heartbeats at the pace of nodes, ${seconds} s`);
  const cpuBefore = processFigures(indexer.process.pid).cpuSeconds;
  const run = await load.run<LoadRun>('beatFor', { seconds, periodMs: context.quick ? 2000 : TICK_MS });
  const cpu = processFigures(indexer.process.pid).cpuSeconds - cpuBefore;
  const { handlingMs, refused } = await indexer.process.run<Handled>('takeHandled');
  mustServe(run, refused);
  context.report({
    id: 'hb.handling.p99',
    value: percentile(handlingMs, 0.99),
    unit: 'ms',
    note: `from a frame that was read to its answer, ${handlingMs.length} heartbeats, ${formatValue(run.answered / run.seconds)} a second, one in ${context.quick ? '2 s' : '20 s'} from each; median ${formatValue(median(handlingMs))} ms, slowest ${formatValue(Math.max(...handlingMs))} ms; the indexer used ${formatValue((cpu / run.seconds) * 100)} % of a core; ${connected}`,
  });
}

/** Each node sends the next heartbeat when the last is answered; the limits of the rate are off. */
async function measureRate(
  context: BenchmarkContext,
  indexer: Member,
  load: TaskProcess,
  connected: string,
): Promise<void> {
  const rounds = context.quick ? 1 : 5;
  const rates: number[] = [];
  const times: number[] = [];
  const cores: { indexer: number; load: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    context.progress(`heartbeats as fast as they are answered, ${round} of ${rounds}`);
    const cpuBefore = processFigures(indexer.process.pid).cpuSeconds;
    const run = await load.run<LoadRun>('beatFor', { seconds: context.quick ? 3 : 10, periodMs: 0 });
    const cpu = processFigures(indexer.process.pid).cpuSeconds - cpuBefore;
    const { handlingMs, refused } = await indexer.process.run<Handled>('takeHandled');
    mustServe(run, refused);
    rates.push(run.answered / run.seconds);
    times.push(percentile(handlingMs, 0.99));
    cores.push({ indexer: cpu / run.seconds, load: run.cpuSeconds / run.seconds });
  }
  const used = (pick: (one: (typeof cores)[number]) => number): string => median(cores.map(pick)).toFixed(2);
  context.report({
    id: 'hb.rate',
    value: median(rates),
    unit: 'heartbeats/s',
    note: `each node sends the next when the last is answered, limits of the rate off; median of ${rounds} runs (${formatValue(Math.min(...rates))} to ${formatValue(Math.max(...rates))}); handling p99 ${formatValue(median(times))} ms; cores used: indexer ${used((one) => one.indexer)}, load ${used((one) => one.load)}; ${connected}`,
  });
}

function mustServe({ answered, refused }: LoadRun, byIndexer: Handled['refused']): void {
  const bad = Object.entries({ ...refused, ...byIndexer });
  if (bad.length > 0)
    throw new Error(`heartbeats were refused: ${bad.map(([code, count]) => `${count} ${code}`).join(', ')}`);
  if (answered === 0) throw new Error('no heartbeat was answered');
}

/** SIGTERM to an indexer, and to a node, of the real program, under load (M-17). */
export async function measureShutdown(context: BenchmarkContext, folder: string): Promise<void> {
  const rounds = context.quick ? 1 : 5;
  const clients = context.quick ? 30 : 200;
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    context.progress(`shutdown under load, ${round} of ${rounds}`);
    times.push(await stopLoaded(`${folder}/${round}`, clients));
  }
  context.report({
    id: 'shutdown',
    value: Math.max(...times) / 1000,
    unit: 's',
    note: `SIGTERM to the end of the process, exit code 0, of an indexer (\`muster node run\`) that ${clients} nodes send heartbeats as fast as it answers; the slowest of ${rounds}, median ${formatValue(median(times))} ms`,
  });
}

async function stopLoaded(folder: string, clients: number): Promise<number> {
  const fleet = await Fleet.make({ folder, indexers: 1, nodes: 0, indexerFlags: limits(clients) });
  const load = startLoad();
  let program: NodeProgram | undefined;
  try {
    const [indexer] = fleet.indexers as [Member];
    program = await NodeProgram.start(indexer.plan.flags);
    await load.run<number>('connect', planOf(fleet, indexer, clients));
    await load.run('beatFor', { seconds: 1, periodMs: 0 });
    await load.run('beginBackground');
    const { ms, code } = await program.stop();
    if (code !== 0) throw new Error(`the indexer ended with ${code}`);
    await load.run('endBackground');
    return ms;
  } finally {
    await program?.kill();
    await load.kill();
    await fleet.close();
  }
}

function startLoad(): TaskProcess {
  return new TaskProcess(join(import.meta.dirname, 'load-process.ts'));
}

function planOf(fleet: Fleet, indexer: Member, clients: number): LoadPlan {
  const address = `/ip4/127.0.0.1/tcp/${indexer.plan.flags['node-endpoint-port']}`;
  return { clients, target: { id: indexer.peer, addresses: [address] }, pskPath: fleet.pskPath };
}

/** Many nodes from one address at once, faster than nodes are. */
function limits(clients: number): Readonly<Record<string, string>> {
  return {
    'max-nodes': String(Math.max(500, clients)),
    'max-conn-per-window': String(clients * 2),
    'max-hb-per-minute': '1000000',
    'max-publish-per-minute': '1000000',
    'max-get-per-minute': '1000000',
  };
}
