import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures, type TaskProcess } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, pairedRatio, summarise } from '../harness/statistics.ts';
import { EchoServer } from './echo-server.ts';
import { DURABILITY, type Fixture, type RunningServer } from './fixture.ts';
import type { PoolPlan } from './generator.ts';
import type { FrameRun } from './load/frame-pool.ts';
import type { FrameKind } from './load/frames.ts';
import { KEYED_NODES } from './population.ts';

const CONNECTIONS = 64;
const WARM_UP_MS = 100;
const RESOLVES_WARM_UP = 8;

/** How much is measured. */
interface Effort {
  readonly rounds: number;
  readonly minRounds: number;
  readonly durationMs: number;
  /** After this no further round is begun, once there are `minRounds`. */
  readonly budgetMs: number;
  /** Resolves with new signatures in a round, for each connection. */
  readonly newResolves: number;
}

const QUICK: Effort = { rounds: 5, minRounds: 2, durationMs: 150, budgetMs: 3_500, newResolves: 10 };
const FULL: Effort = { rounds: 11, minRounds: 11, durationMs: 700, budgetMs: 0, newResolves: 120 };

/** One series of runs, and what stands behind it. */
interface Series {
  readonly id: string;
  /** The series that this one is compared with. */
  readonly echoId: string | undefined;
  readonly plan: PoolPlan;
  readonly pid: number;
  readonly note: string;
  readonly rates: number[];
  readonly generatorCpu: number[];
  readonly serverCpu: number[];
}

export const FRAME_IDS = ['echo', 'heartbeat', 'lookup', 'resolve', 'original'];

/**
 * Requests per second over 64 connections, unpipelined and 16 deep, beside a plain Go echo of the same frames. The
 * series take turns, so that a slow spell of the machine meets all of them.
 */
export async function measureFrames(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
): Promise<void> {
  const effort = context.quick ? QUICK : FULL;
  const echo = await EchoServer.start();
  if (echo === undefined) context.progress('no Go here: no echo to compare with');
  const { generator } = fixture;
  if (context.original !== undefined) await generator.run('registerPopulation', context.original);
  const series = [...plannedSeries(context, server, echo, effort), ...originalSeries(context)];
  try {
    for (const { plan } of series) await warmUp(generator, plan);
    const startedAt = performance.now();
    let rounds = 0;
    while (rounds < effort.rounds) {
      if (rounds >= effort.minRounds && performance.now() - startedAt > effort.budgetMs) break;
      rounds++;
      context.progress(`frames, round ${rounds}`);
      for (const one of series) await measureOnce(generator, one, effort);
    }
    report(context, series, effort);
  } finally {
    await generator.run('closePools');
    await echo?.stop();
  }
}

async function warmUp(generator: TaskProcess, plan: PoolPlan): Promise<void> {
  const { name, frames } = plan;
  await generator.run('openPool', plan);
  if (frames === undefined) await generator.run('runFor', { name, durationMs: WARM_UP_MS });
  else await generator.run('runPieces', { name, count: RESOLVES_WARM_UP });
}

function plannedSeries(
  context: BenchmarkContext,
  server: RunningServer,
  echo: EchoServer | undefined,
  effort: Effort,
): readonly Series[] {
  const { nodes, port } = server.ready;
  const series: Series[] = [];
  const common = { connections: CONNECTIONS, nodes };
  const empty = (): Pick<Series, 'rates' | 'generatorCpu' | 'serverCpu'> => ({
    rates: [],
    generatorCpu: [],
    serverCpu: [],
  });
  const addEcho = (id: string, kind: FrameKind, depth: number): void => {
    if (echo === undefined) return;
    const plan: PoolPlan = { ...common, name: id, target: 'echo', port: echo.port, kind, depth };
    const note = `plain Go echo of the ${kind} frames`;
    series.push({ id, echoId: undefined, plan, pid: echo.pid, note, ...empty() });
  };
  const add = (
    id: string,
    echoId: string | undefined,
    kind: FrameKind,
    depth: number,
    note: string,
  ): void => {
    if (!context.wants(id, `${id}.ratio`, ...(echoId === undefined ? [] : [echoId]))) return;
    if (echoId !== undefined) addEcho(echoId, kind, depth);
    const isNew = id === 'resolve.unpipelined';
    const frames = isNew ? RESOLVES_WARM_UP + effort.rounds * effort.newResolves : undefined;
    const plan: PoolPlan = { ...common, name: id, target: 'registry', port, kind, depth };
    series.push({
      id,
      echoId: echo === undefined ? undefined : echoId,
      plan: frames === undefined ? plan : { ...plan, frames },
      pid: server.process.pid,
      note: `durability ${DURABILITY}, ${formatValue(nodes)} nodes, ${note}`,
      ...empty(),
    });
  };
  const proven = '16 nodes a connection, signed, proven on the connection';
  const repeated = 'signed, 32 different requests a connection over and over';
  add('heartbeat.unpipelined', 'echo.unpipelined', 'heartbeat', 1, proven);
  add('lookup.unpipelined', 'echo.lookup.unpipelined', 'lookup', 1, 'random ids');
  add('resolve.unpipelined', undefined, 'resolve', 1, 'each with a signature that was never seen before');
  add('resolve.repeated.unpipelined', undefined, 'resolve', 1, repeated);
  add('heartbeat.pipelined16', 'echo.pipelined16', 'heartbeat', 16, proven);
  add('lookup.pipelined16', 'echo.lookup.pipelined16', 'lookup', 16, 'random ids');
  add('resolve.repeated.pipelined16', undefined, 'resolve', 16, repeated);
  return series;
}

/** The original, or whatever else speaks its protocol, under the same load. Its processor time is not known. */
function originalSeries(context: BenchmarkContext): readonly Series[] {
  const { original } = context;
  if (original === undefined) return [];
  const series: Series[] = [];
  for (const [name, depth] of [
    ['unpipelined', 1],
    ['pipelined16', 16],
  ] as const) {
    for (const kind of ['heartbeat', 'lookup'] as const) {
      const id = `original.${kind}.${name}`;
      if (!context.wants(id, `${kind}.${name}`)) continue;
      const shape = { kind, depth, connections: CONNECTIONS, nodes: KEYED_NODES };
      const plan: PoolPlan = { name: id, target: 'registry', port: original, ...shape };
      const note = `another implementation on port ${original}, ${formatValue(KEYED_NODES)} nodes`;
      series.push({ id, echoId: undefined, plan, pid: 0, note, rates: [], generatorCpu: [], serverCpu: [] });
    }
  }
  return series;
}

async function measureOnce(generator: TaskProcess, series: Series, effort: Effort): Promise<void> {
  const { name, frames } = series.plan;
  const before = processFigures(series.pid).cpuSeconds;
  const run =
    frames === undefined
      ? await generator.run<FrameRun>('runFor', { name, durationMs: effort.durationMs })
      : await generator.run<FrameRun>('runPieces', { name, count: effort.newResolves });
  const after = processFigures(series.pid).cpuSeconds;
  series.rates.push(run.replies / run.seconds);
  series.generatorCpu.push(run.cpuSeconds / run.seconds);
  series.serverCpu.push((after - before) / run.seconds);
}

function report(context: BenchmarkContext, series: readonly Series[], effort: Effort): void {
  const byId = new Map(series.map((one) => [one.id, one]));
  for (const { id, echoId, plan, note, rates, generatorCpu, serverCpu } of series) {
    const { min, max, runs } = summarise(rates);
    const length =
      plan.frames === undefined ? `${effort.durationMs} ms` : `${CONNECTIONS * effort.newResolves} requests`;
    const spread = `median of ${runs} runs of ${length} (${formatValue(min)} to ${formatValue(max)})`;
    const cores = coresText(rates, serverCpu, generatorCpu);
    context.report({
      id,
      value: median(rates),
      unit: 'requests/s',
      note: `${note}; ${CONNECTIONS} connections, ${plan.depth} deep; ${spread}; ${cores}`,
    });
    const yardstick = echoId === undefined ? undefined : byId.get(echoId);
    if (yardstick === undefined) continue;
    context.report({
      id: `${id}.ratio`,
      value: pairedRatio(rates, yardstick.rates),
      unit: 'x',
      note: `${id} / ${echoId}, median of ${runs} pairs; durability ${DURABILITY}`,
    });
  }
}

function coresText(
  rates: readonly number[],
  serverCpu: readonly number[],
  generatorCpu: readonly number[],
): string {
  const generator = `load generator ${mean(generatorCpu)}`;
  if (serverCpu.some((cores) => cores === 0)) return `cores used: ${generator}`;
  const perSecond = median(rates.map((rate, run) => rate / (serverCpu[run] as number)));
  return (
    `cores used: server ${mean(serverCpu)}, ${generator}; ` +
    `${formatValue(perSecond)} for a second of the server's processor time`
  );
}

function mean(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2);
}
