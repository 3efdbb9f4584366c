import { mkdir } from 'node:fs/promises';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures, type TaskProcess } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, pairedRatio, percentile, summarise } from '../harness/statistics.ts';
import { DURABILITY, type Fixture, type RunningServer } from './fixture.ts';
import type { RegistrationRun } from './load/registrations.ts';
import { measureLogAppend, measureWriteLatency } from './log-append.ts';

/** Registrations of a round, by number of clients. */
const PLANS = [
  { clients: 1, id: 'register.durable.1client', quick: 150, full: 1500 },
  { clients: 64, id: 'register.durable.64clients', quick: 1000, full: 10_000 },
  { clients: 1000, id: 'register.durable.1000clients', quick: 2000, full: 15_000 },
] as const;

export const REGISTER_IDS = ['register', 'write.latency'];
export const LOG_IDS = ['log.append', 'fdatasync.latency'];

interface Round extends RegistrationRun {
  readonly serverCpuSeconds: number;
}

/** New nodes per second, each signed by its own key and answered after its event was on the disk. */
export async function measureRegistrations(context: BenchmarkContext, fixture: Fixture): Promise<void> {
  const wantsLatency = context.wants('write.latency');
  const directory = fixture.folder('registrations');
  const [server, memory] = await Promise.all([
    fixture.startServer(directory),
    wantsLatency ? fixture.startServer() : undefined,
  ]);
  const { generator } = fixture;
  try {
    const rounds = context.quick ? 3 : 5;
    await register(generator, server, { clients: 64, count: context.quick ? 500 : 3000 });
    for (const { id, clients, quick, full } of PLANS) {
      if (!context.wants(id)) continue;
      const count = context.quick ? quick : full;
      const done: Round[] = [];
      for (let round = 0; context.another(round, rounds); round++) {
        context.progress(`${id}, round ${round + 1} of ${rounds}`);
        done.push(await register(generator, server, { clients, count }));
      }
      reportRegistrations(context, id, done, count);
    }
    if (memory !== undefined)
      await measureAddedLatency(context, { durable: server, memory, directory }, generator);
  } finally {
    await fixture.discard(server.process);
    if (memory !== undefined) await fixture.discard(memory.process);
  }
}

/** Makes the requests, then sends them; the server must have as many nodes more afterwards. */
async function register(
  generator: TaskProcess,
  server: RunningServer,
  plan: { readonly clients: number; readonly count: number },
): Promise<Round> {
  await generator.run('makeRegistrations', plan.count);
  const nodesBefore = await server.process.run<number>('liveNodes');
  const cpuBefore = processFigures(server.process.pid).cpuSeconds;
  const run = await generator.run<RegistrationRun>('runRegistrations', {
    port: server.ready.port,
    clients: plan.clients,
  });
  const serverCpuSeconds = processFigures(server.process.pid).cpuSeconds - cpuBefore;
  const added = (await server.process.run<number>('liveNodes')) - nodesBefore;
  if (added !== plan.count) throw new Error(`${plan.count} registrations made ${added} nodes`);
  return { ...run, serverCpuSeconds };
}

function reportRegistrations(
  context: BenchmarkContext,
  id: string,
  rounds: readonly Round[],
  count: number,
): void {
  const rates = rounds.map(({ registered, seconds }) => registered / seconds);
  const { min, max, runs } = summarise(rates);
  const latencies = rounds.flatMap(({ latenciesMs }) => [...latenciesMs]);
  const cores = (pick: (round: Round) => number): string =>
    median(rounds.map((round) => pick(round) / round.seconds)).toFixed(2);
  const latency = `latency ${formatValue(median(latencies))} ms, p99 ${formatValue(percentile(latencies, 0.99))} ms`;
  context.report({
    id,
    value: median(rates),
    unit: 'registrations/s',
    note:
      `durability ${DURABILITY}, a new key and signature each; median of ${runs} runs of ${formatValue(count)} ` +
      `(${formatValue(min)} to ${formatValue(max)}); ${latency}; ` +
      `cores used: server ${cores((round) => round.serverCpuSeconds)}, load generator ${cores((round) => round.cpuSeconds)}`,
  });
}

/**
 * What durability adds to the latency of one client's registrations: beside a registry that keeps all in memory, and beside
 * what a write and its sync cost on the bare disk at that moment.
 */
async function measureAddedLatency(
  context: BenchmarkContext,
  servers: { readonly durable: RunningServer; readonly memory: RunningServer; readonly directory: string },
  generator: TaskProcess,
): Promise<void> {
  context.progress('write latency');
  const { durable, memory, directory } = servers;
  const plan = { clients: 1, count: context.quick ? 60 : 600 };
  const rounds = context.quick ? 3 : 7;
  const onDisk: number[] = [];
  const inMemory: number[] = [];
  const bareDisk: number[] = [];
  await register(generator, memory, plan);
  for (let round = 0; context.another(round, rounds); round++) {
    inMemory.push(median([...(await register(generator, memory, plan)).latenciesMs]));
    onDisk.push(median([...(await register(generator, durable, plan)).latenciesMs]));
    const raw = await measureWriteLatency({ directory, seconds: context.quick ? 0.1 : 0.5 });
    bareDisk.push(raw.rawMedianUs / 1000);
  }
  const runs = `one client, median of ${onDisk.length} medians of ${plan.count} registrations`;
  context.report({
    id: 'write.latency',
    value: median(onDisk),
    unit: 'ms',
    note: `request to answer, durability ${DURABILITY}, signature check included; ${runs}`,
  });
  const added = onDisk.map((value, round) => value - (inMemory[round] as number));
  context.report({
    id: 'write.latency.added',
    value: median(added),
    unit: 'ms',
    note: `write.latency less that of a registry in memory (${formatValue(median(inMemory))} ms); ${runs}`,
  });
  context.report({
    id: 'write.latency.added.ratio',
    value: pairedRatio(added, bareDisk),
    unit: 'x',
    note:
      `write.latency.added / write and fdatasync of 256 bytes to a preallocated file in the same folder ` +
      `(${formatValue(median(bareDisk))} ms); durability ${DURABILITY}, median of ${added.length} pairs`,
  });
}

/** The log alone: events made durable per second, and the wait of one writer beside that for the bare disk. */
export async function measureLog(context: BenchmarkContext, fixture: Fixture): Promise<void> {
  const directory = fixture.folder('log');
  await mkdir(directory, { recursive: true });
  const rounds = context.quick ? 3 : 5;
  const seconds = context.quick ? 0.3 : 2;
  const rates: number[] = [];
  const waits: number[] = [];
  const raw: number[] = [];
  const ratios: number[] = [];
  let note = '';
  for (let round = 0; context.another(round, rounds); round++) {
    context.progress(`log, round ${round + 1} of ${rounds}`);
    const append = await measureLogAppend({ directory, seconds });
    const latency = await measureWriteLatency({ directory, seconds: seconds / 2 });
    rates.push(append.eventsPerSecond);
    waits.push(latency.medianUs / 1000);
    raw.push(latency.rawMedianUs / 1000);
    ratios.push(latency.ratio);
    note = append.note;
  }
  const { min, max } = summarise(rates);
  const runs = `median of ${rates.length} runs of ${seconds} s`;
  const range = `(${formatValue(min)} to ${formatValue(max)})`;
  context.report({
    id: 'log.append',
    value: median(rates),
    unit: 'events/s',
    note: `durability ${DURABILITY}, written and fdatasynced; ${note}; ${runs} ${range}`,
  });
  context.report({
    id: 'log.append.latency',
    value: median(waits),
    unit: 'ms',
    note: `durability ${DURABILITY}, one writer, append to durable; ${runs}`,
  });
  context.report({
    id: 'fdatasync.latency',
    value: median(raw),
    unit: 'ms',
    note: `write and fdatasync of 256 bytes to a preallocated file, without Muster; ${runs}`,
  });
  context.report({
    id: 'log.append.latency.ratio',
    value: median(ratios),
    unit: 'x',
    note: `log.append.latency / fdatasync.latency; ${runs}`,
  });
}
