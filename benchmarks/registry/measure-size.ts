import { rm } from 'node:fs/promises';
import type { BenchmarkContext } from '../harness/benchmark.ts';
import { processFigures, type TaskProcess } from '../harness/child.ts';
import { formatValue } from '../harness/results.ts';
import { median, summarise } from '../harness/statistics.ts';
import { DURABILITY, type Fixture, type RunningServer } from './fixture.ts';
import type { SnapshotRun } from './server.ts';

const MEBIBYTE = 1024 * 1024;

export const MILLION_IDS = ['memory.1m', 'ready.1m', 'stall'];
export const IDLE_IDS = ['idle'];

/** A start on a store, seen from outside. */
export interface Start {
  readonly readyMs: number;
  readonly startMs: number;
  readonly residentBytes: number;
  /** A while after it was ready. */
  readonly settledBytes: number;
}

/** Starts a registry on a store several times and leaves the last one running. */
export async function startOn(
  fixture: Fixture,
  directory: string,
  effort: { readonly runs: number; readonly settleMs: number },
): Promise<{ readonly server: RunningServer; readonly starts: readonly Start[] }> {
  const starts: Start[] = [];
  for (;;) {
    const server = await fixture.startServer(directory);
    const { residentBytes } = processFigures(server.process.pid);
    await sleep(effort.settleMs);
    const settledBytes = processFigures(server.process.pid).residentBytes;
    const { readyMs } = server;
    starts.push({ readyMs, startMs: server.ready.startMs, residentBytes, settledBytes });
    if (starts.length === effort.runs) return { server, starts };
    await fixture.stop(server.process);
  }
}

export function reportStarts(
  context: BenchmarkContext,
  suffix: string,
  starts: readonly Start[],
  shape: { readonly nodes: number; readonly tailEvents: number; readonly remark?: string },
): void {
  const ready = summarise(starts.map(({ readyMs }) => readyMs / 1000));
  const resident = summarise(starts.map(({ settledBytes }) => settledBytes / MEBIBYTE));
  const atOnce = median(starts.map(({ residentBytes }) => residentBytes / MEBIBYTE));
  const own = median(starts.map(({ startMs }) => startMs / 1000));
  const base = `${shape.remark ?? ''}durability ${DURABILITY}, ${formatValue(shape.nodes)} nodes`;
  const range = (of: { readonly min: number; readonly max: number }): string =>
    starts.length === 1 ? '' : ` (${formatValue(of.min)} to ${formatValue(of.max)})`;
  context.report({
    id: `memory.${suffix}`,
    value: resident.median,
    unit: 'MiB',
    note: `${base}; resident when the start had settled, ${formatValue(atOnce)} when ready; ${resident.runs} runs${range(resident)}`,
  });
  context.report({
    id: `ready.${suffix}`,
    value: ready.median,
    unit: 's',
    note:
      `${base}, snapshot and ${formatValue(shape.tailEvents)} events behind it, files in the page cache; from the start of ` +
      `the process, ${formatValue(own)} s of it without loading the program; ${ready.runs} runs${range(ready)}`,
  });
}

/** How long the loop is held while a snapshot is written: measured inside, and seen by a client outside. */
export async function measureStall(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
  remark = '',
): Promise<void> {
  const { generator } = fixture;
  const runs = context.quick ? 2 : 9;
  const snapshots: SnapshotRun[] = [];
  const seen: number[] = [];
  try {
    await generator.run('startProbe', server.ready.port);
    for (let run = 0; context.another(run, runs); run++) {
      context.progress(`snapshot ${run + 1} of ${runs}`);
      await generator.run('resetProbe');
      snapshots.push(await server.process.run<SnapshotRun>('snapshot'));
      seen.push((await generator.run<{ readonly worstMs: number }>('readProbe')).worstMs);
    }
  } finally {
    await generator.run('stopProbe');
  }
  const megabytes = formatValue((snapshots[0]?.bytes ?? 0) / 1e6);
  const duration = formatValue(median(snapshots.map(({ durationMs }) => durationMs)));
  const base =
    `${remark}durability ${DURABILITY}, ${formatValue(server.ready.nodes)} nodes, ${megabytes} MB written in ` +
    `${duration} ms`;
  const add = (id: string, values: readonly number[], what: string): void => {
    const { min, max } = summarise(values);
    const spread = `the worst of a run, median of ${snapshots.length} runs (${formatValue(min)} to ${formatValue(max)})`;
    context.report({ id, value: median(values), unit: 'ms', note: `${what}; ${spread}; ${base}` });
  };
  const inside = snapshots.map(({ stallMs }) => stallMs);
  const processor = snapshots.map(({ stallCpuMs }) => stallCpuMs);
  add('stall.snapshot.1m', inside, 'time between two ticks of a 1 ms timer in the server');
  add('stall.snapshot.1m.cpu', processor, 'processor time that the loop used between two ticks');
  add('stall.snapshot.1m.seen', seen, 'answer to a client that sends heartbeats 1 ms apart');
}

/** What an idle registry writes, and what idle connections cost. */
export async function measureIdle(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
): Promise<void> {
  if (context.wants('idle.connection_heap', 'idle.connection_resident'))
    await measureConnections(context, server, fixture.generator);
  if (context.wants('idle.bytes_per_minute')) await measureIdleWrites(context, server);
}

async function measureConnections(
  context: BenchmarkContext,
  server: RunningServer,
  generator: TaskProcess,
): Promise<void> {
  const count = context.quick ? 1000 : 10_000;
  context.progress(`${count} idle connections`);
  const { port } = server.ready;
  await generator.run('openIdle', { port, count: 100 });
  await generator.run('closeIdle');
  const heapBefore = await server.process.run<number>('heapBytes');
  const residentBefore = processFigures(server.process.pid).residentBytes;
  await generator.run('openIdle', { port, count });
  const open = await server.process.run<number>('connections');
  if (open < count) throw new Error(`${open} of ${count} connections are open`);
  const heapAfter = await server.process.run<number>('heapBytes');
  const residentAfter = processFigures(server.process.pid).residentBytes;
  await generator.run('closeIdle');
  const note = `durability ${DURABILITY}, ${formatValue(count)} connections that each looked one node up; 1 run`;
  context.report({
    id: 'idle.connection_heap',
    value: (heapAfter - heapBefore) / count / 1024,
    unit: 'KiB',
    note: `heap and external memory after a collection, for each connection; ${note}`,
  });
  context.report({
    id: 'idle.connection_resident',
    value: (residentAfter - residentBefore) / count / 1024,
    unit: 'KiB',
    note: `resident memory for each connection, without the kernel's buffers; ${note}`,
  });
}

async function measureIdleWrites(context: BenchmarkContext, server: RunningServer): Promise<void> {
  const seconds = context.quick ? 1 : 60;
  context.progress(`${seconds} s without requests`);
  const { pid } = server.process;
  const before = processFigures(pid).writtenBytes;
  await sleep(seconds * 1000);
  const idle = ((processFigures(pid).writtenBytes - before) * 60) / seconds;
  const beforeFile = processFigures(pid).writtenBytes;
  await server.process.run('writeLastSeen');
  const file = processFigures(pid).writtenBytes - beforeFile;
  context.report({
    id: 'idle.bytes_per_minute',
    value: idle + file,
    unit: 'bytes/min',
    note:
      `durability ${DURABILITY}, ${formatValue(server.ready.nodes)} nodes; ${formatValue(idle)} written in ${seconds} s without ` +
      `requests, taken to a minute, and the file of last signs of life once (${formatValue(file)}); 1 run`,
  });
}

/** Removes a store that is no longer needed. */
export async function removeStore(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
