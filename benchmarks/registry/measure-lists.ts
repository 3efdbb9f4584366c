import type { BenchmarkContext } from '../harness/benchmark.ts';
import { formatValue } from '../harness/results.ts';
import { median, percentile, summarise } from '../harness/statistics.ts';
import { DURABILITY, type Fixture, type RunningServer } from './fixture.ts';
import type { ListPlan, ListRun } from './load/lists.ts';
import { LIST_MEMBERS, LIST_NETWORK } from './population.ts';

const CLIENTS = 4;
const MIN_ENTRY_BYTES = 100;

export const LIST_IDS = ['list'];

/** Lists of a large network, whole, by several clients at a time. */
export async function measureLists(
  context: BenchmarkContext,
  fixture: Fixture,
  server: RunningServer,
): Promise<void> {
  const { generator } = fixture;
  const rounds = context.quick ? 3 : 5;
  const plan: ListPlan = {
    port: server.ready.port,
    clients: CLIENTS,
    durationMs: context.quick ? 250 : 2000,
    request: { type: 'list_nodes', network_id: LIST_NETWORK },
    minReplyBytes: LIST_MEMBERS * MIN_ENTRY_BYTES,
  };
  const cold = await generator.run<ListRun>('runLists', { ...plan, clients: 1, durationMs: 0 });
  const runs: ListRun[] = [];
  for (let round = 0; context.another(round, rounds); round++) {
    context.progress(`lists, round ${round + 1} of ${rounds}`);
    runs.push(await generator.run<ListRun>('runLists', plan));
  }
  report(context, runs, cold);
}

function report(context: BenchmarkContext, runs: readonly ListRun[], cold: ListRun): void {
  const rates = runs.map(({ replies, seconds }) => replies / seconds);
  const { min, max } = summarise(rates);
  const replyBytes = cold.bytes / cold.replies;
  const megabytes = median(runs.map(({ bytes, seconds }) => bytes / seconds / 1e6));
  const firstBytes = runs.flatMap(({ firstByteMs }) => firstByteMs);
  const base = `durability ${DURABILITY}, ${formatValue(LIST_MEMBERS)} members, ${CLIENTS} clients; ${runs.length} runs`;
  context.report({
    id: 'list.45000',
    value: median(rates),
    unit: 'lists/s',
    note:
      `${base}, median (${formatValue(min)} to ${formatValue(max)}); ${formatValue(replyBytes / 1e6)} MB a list, ` +
      `${formatValue(megabytes)} MB/s; nothing changes meanwhile`,
  });
  context.report({
    id: 'list.45000.first_byte',
    value: percentile(firstBytes, 0.99),
    unit: 'ms',
    note: `${base}, request to first byte, p99 of ${firstBytes.length} (median ${formatValue(median(firstBytes))} ms)`,
  });
  context.report({
    id: 'list.45000.first',
    value: cold.firstByteMs[0] as number,
    unit: 'ms',
    note: `durability ${DURABILITY}, the first list after a start, request to first byte; 1 run`,
  });
}
