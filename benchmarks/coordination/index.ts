import type { BenchmarkContext } from '../harness/benchmark.ts';
import { CALL_IDS, measureCalls } from './measure-calls.ts';
import { COMPARISON_IDS, measureComparison } from './measure-comparison.ts';
import { FLEET_IDS, measureFleets } from './measure-fleets.ts';
import { measureStream, STREAM_IDS } from './measure-stream.ts';
import { measureThroughput, THROUGHPUT_IDS } from './measure-throughput.ts';
import { SCENARIOS } from './scenarios.ts';
import { Laboratory } from './scenarios/laboratory.ts';
import { type Scenario, sizesOf } from './scenarios/scenario.ts';

/** The figures of coordination; what the ids mean is in README.md. Scenarios run when they are asked for, or in a full run. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  // All that was started ends with this process, which so has to end by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const parts = [
    { id: 'fleet', ids: FLEET_IDS, measure: measureFleets },
    { id: 'throughput', ids: THROUGHPUT_IDS, measure: measureThroughput },
    { id: 'calls', ids: CALL_IDS, measure: measureCalls },
    { id: 'stream', ids: STREAM_IDS, measure: measureStream },
    { id: 'comparison', ids: COMPARISON_IDS, measure: measureComparison },
  ];
  for (const { id, ids, measure } of parts) {
    if (context.wants(...ids)) await attempt(context, id, '', () => measure(context));
  }
  // A quick look at everything has no time for them; `wants` is true for any id when nothing is asked for by name.
  const isQuickLook = context.quick && context.wants('everything');
  for (const scenario of SCENARIOS) {
    if (!isQuickLook && context.wants(scenario.id)) await runScenario(context, scenario);
  }
}

async function runScenario(context: BenchmarkContext, { id, title, run }: Scenario): Promise<void> {
  await attempt(context, id, `${title}; `, async () => {
    const lab = await Laboratory.open({ id, sizes: sizesOf(context), progress: context.progress });
    try {
      const findings = await run(lab);
      for (const [name, { value, unit, note }] of Object.entries(findings)) {
        context.report({
          id: `${id}.${name}`,
          value,
          unit,
          note: note === '' ? title : `${title}; ${note}`,
        });
      }
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  });
}

/** Measures a part. One that breaks is a figure, too: the others are worth an hour of measuring. */
async function attempt(
  context: BenchmarkContext,
  id: string,
  note: string,
  measure: () => Promise<void>,
): Promise<void> {
  try {
    await measure();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    context.progress(`${id}: ${text}`);
    context.report({ id: `${id}.error`, value: 1, unit: '', note: note + text.split('\n', 1)[0] });
  }
}
