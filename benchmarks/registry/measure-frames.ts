import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures, type TaskProcess } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, pairedRatio, summarise } from '../harness/statistics.ts';
import { EchoServer } from './echo-server.ts';
import { DURABILITY, type Fixture, type RunningServer } from './fixture.ts';
import type { PoolPlan } from './generator.ts';
import type { FrameRun } from './load/frame-pool.ts';
import type { FrameKind } from './load/frames.ts';

const CONNECTIONS = 64;
const DEPTHS = { unpipelined: 1, pipelined16: 16 } as const;
const WARM_UP_MS = 300;

/** One series: an id, and what stands behind it. */
interface Series {
  readonly id: string;
  readonly plan: PoolPlan;
  readonly pid: number;
  readonly rates: number[];
  readonly generatorCpu: number[];
  readonly serverCpu: number[];
}

export const FRAME_IDS = ['echo', 'heartbeat', 'lookup', 'resolve'];

/**
 * Requests per second over 64 connections, unpipelined and 16 deep, beside a plain Go echo of the same frames. The
 * series take turns, so that a slow spell of the machine meets all of them.
 */
export async function measureFrames(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
): Promise<void> {
  const echo = await EchoServer.start();
  const generator = fixture.program('generator.ts');
  const series = plannedSeries(context, server, echo);
  try {
    for (const { plan } of series) {
      await generator.run('openPool', plan);
      await generator.run('runFor', { name: plan.name, durationMs: WARM_UP_MS });
    }
    const rounds = context.quick ? 5 : 9;
    const durationMs = context.quick ? 250 : 1000;
    for (let round = 0; round < rounds; round++) {
      context.progress(`frames, round ${round + 1} of ${rounds}`);
      for (const one of series) await measureOnce(generator, one, durationMs);
    }
    report(context, series, { rounds, durationMs, nodes: server.ready.nodes });
  } finally {
    await fixture.stop(generator);
    await echo?.stop();
  }
}

function plannedSeries(
  context: BenchmarkContext,
  server: RunningServer,
  echo: EchoServer | undefined,
): readonly Series[] {
  const series: Series[] = [];
  const add = (id: string, target: 'registry' | 'echo', kind: FrameKind, depth: number): void => {
    const port = target === 'registry' ? server.ready.port : (echo as EchoServer).port;
    const pid = target === 'registry' ? server.process.pid : (echo as EchoServer).pid;
    const shape = { kind, depth, connections: CONNECTIONS, nodes: server.ready.nodes };
    const plan: PoolPlan = { name: id, port, target, ...shape };
    series.push({ id, plan, pid, rates: [], generatorCpu: [], serverCpu: [] });
  };
  for (const [name, depth] of Object.entries(DEPTHS)) {
    for (const kind of ['heartbeat', 'lookup', 'resolve'] as const) {
      const id = `${kind}.${name}`;
      const echoId = kind === 'heartbeat' ? `echo.${name}` : `echo.${kind}.${name}`;
      if (!context.wants(id, `${id}.ratio`, echoId)) continue;
      if (echo !== undefined && kind !== 'resolve') add(echoId, 'echo', kind, depth);
      add(id, 'registry', kind, depth);
    }
  }
  return series;
}

async function measureOnce(generator: TaskProcess, series: Series, durationMs: number): Promise<void> {
  const before = processFigures(series.pid).cpuSeconds;
  const run = await generator.run<FrameRun>('runFor', { name: series.plan.name, durationMs });
  const after = processFigures(series.pid).cpuSeconds;
  series.rates.push(run.replies / run.seconds);
  series.generatorCpu.push(run.cpuSeconds / run.seconds);
  series.serverCpu.push((after - before) / run.seconds);
}

function report(
  context: BenchmarkContext,
  series: readonly Series[],
  shape: { readonly rounds: number; readonly durationMs: number; readonly nodes: number },
): void {
  const byId = new Map(series.map((one) => [one.id, one]));
  for (const { id, plan, rates, generatorCpu, serverCpu } of series) {
    const { min, max } = summarise(rates);
    const cores = `cores used: server ${median(serverCpu).toFixed(2)}, load generator ${median(generatorCpu).toFixed(2)}`;
    const what =
      plan.target === 'echo'
        ? `plain Go echo of the ${plan.kind} frames`
        : `durability ${DURABILITY}, ${formatValue(shape.nodes)} nodes${noteOf(plan.kind)}`;
    const runs = `median of ${shape.rounds} runs of ${shape.durationMs} ms (${formatValue(min)} to ${formatValue(max)})`;
    const note = `${what}; ${CONNECTIONS} connections, ${plan.depth} deep; ${runs}; ${cores}`;
    context.report({ id, value: median(rates), unit: 'requests/s', note });
    const yardstick = byId.get(id.startsWith('heartbeat.') ? id.replace('heartbeat', 'echo') : `echo.${id}`);
    if (plan.target === 'echo' || yardstick === undefined) continue;
    context.report({
      id: `${id}.ratio`,
      value: pairedRatio(rates, yardstick.rates),
      unit: 'x',
      note: `${id} / ${yardstick.id}, median of ${shape.rounds} pairs; durability ${DURABILITY}`,
    });
  }
}

function noteOf(kind: FrameKind): string {
  switch (kind) {
    case 'heartbeat':
      return ', 16 nodes a connection, signed, proven on the connection';
    case 'lookup':
      return ', random ids';
    case 'resolve':
      return ', signed, 64 different signatures a connection over and over: mostly the verification cache';
    default:
      return kind satisfies never;
  }
}
