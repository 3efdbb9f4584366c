import type { BenchmarkContext } from '../harness/benchmark.ts';
import { Fixture, type RunningServer } from './fixture.ts';
import { FRAME_IDS, measureFrames } from './measure-frames.ts';
import { LIST_IDS, measureLists } from './measure-lists.ts';
import {
  IDLE_IDS,
  measureIdle,
  measureStall,
  MILLION_IDS,
  removeStore,
  reportStarts,
  startOn,
} from './measure-size.ts';
import { LOG_IDS, measureLog, measureRegistrations, REGISTER_IDS } from './measure-writes.ts';

const MANY = { nodes: 200_000, tailEvents: 20_000 };
const MILLION = { nodes: 1_000_000, tailEvents: 100_000 };
const MANY_IDS = ['memory.200k', 'ready.200k'];
/** With --quick the store of a million nodes is not begun later than this. */
const LATEST_MILLION_MS = 9_000;

function effortOf(context: BenchmarkContext): { readonly runs: number; readonly settleMs: number } {
  return context.quick ? { runs: 1, settleMs: 200 } : { runs: 5, settleMs: 1000 };
}

/** The registry's figures; what the ids mean is in README.md. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  const fixture = await Fixture.create();
  const startedAt = performance.now();
  try {
    const wantsMillion = context.wants(...MILLION_IDS);
    const wantsMany = context.wants(...MANY_IDS, ...FRAME_IDS, ...LIST_IDS, ...IDLE_IDS);
    context.progress('stores are being made');
    // Both at once: making them is not measured.
    const [many, million] = await Promise.all([
      wantsMany ? fixture.makeStore('200k', { ...MANY, withList: true }) : undefined,
      wantsMillion ? fixture.makeStore('1m', { ...MILLION, withList: false }) : undefined,
    ]);
    const isLate = context.quick && performance.now() - startedAt > LATEST_MILLION_MS;
    if (million !== undefined && !(isLate && many !== undefined))
      await measureMillion(context, fixture, million);
    if (many !== undefined) await measureMany(context, fixture, many, wantsMillion && isLate);
    if (context.wants(...REGISTER_IDS)) await measureRegistrations(context, fixture);
    if (context.wants(...LOG_IDS)) await measureLog(context, fixture);
  } finally {
    await fixture.close();
  }
}

async function measureMillion(context: BenchmarkContext, fixture: Fixture, directory: string): Promise<void> {
  context.progress('start with 1,000,000 nodes');
  const { server, starts } = await startOn(fixture, directory, effortOf(context));
  reportStarts(context, '1m', starts, MILLION);
  await measureStall(context, fixture, server);
  await fixture.discard(server.process);
  await removeStore(directory);
}

async function measureMany(
  context: BenchmarkContext,
  fixture: Fixture,
  directory: string,
  standsForMillion: boolean,
): Promise<void> {
  context.progress('start with 200,000 nodes');
  const { server, starts } = await startOn(fixture, directory, effortOf(context));
  reportStarts(context, '200k', starts, MANY);
  if (standsForMillion) {
    const remark = 'MEASURED WITH 200,000 NODES: making the larger store took too long for --quick; ';
    reportStarts(context, '1m', starts, { ...MANY, remark });
    await measureStall(context, fixture, server, remark);
  }
  await measureRunning(context, fixture, server);
  await fixture.discard(server.process);
}

async function measureRunning(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
): Promise<void> {
  if (context.wants(...IDLE_IDS)) await measureIdle(context, fixture, server);
  if (context.wants(...FRAME_IDS)) await measureFrames(context, fixture, server);
  if (context.wants(...LIST_IDS)) await measureLists(context, fixture, server);
}
