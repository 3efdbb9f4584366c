import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isTouched, isWanted, parseArguments } from './harness/arguments.ts';
import type { Benchmark, BenchmarkContext } from './harness/benchmark.ts';
import { describeMachine, OtherWork } from './harness/machine.ts';
import { formatJson, formatTable, type Result } from './harness/results.ts';

/** A quick benchmark that has run for this long makes no more than {@link LATE_RUNS} runs of what is left. */
const QUICK_LATE_MS = 18_000;
const LATE_RUNS = 1;

/** Runs the benchmark of a service: see the README beside it. Standard output has the figures, nothing else. */
async function main(argv: readonly string[]): Promise<void> {
  const { service, quick, json, only, original } = parseArguments(argv);
  const program = join(import.meta.dirname, service, 'index.ts');
  if (!existsSync(program)) throw new Error(`no benchmark for ${service}`);
  const { benchmark } = (await import(program)) as { readonly benchmark: Benchmark };
  const results: Result[] = [];
  const startedAt = performance.now();
  const otherWork = new OtherWork();
  const context: BenchmarkContext = {
    quick,
    original,
    report: (result) => void results.push(result),
    progress: (text) => {
      if (!process.stderr.isTTY && json) return;
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stderr.write(`${seconds.padStart(6)} s  ${text}\n`);
    },
    another: (done, planned) => {
      if (done === 0) return true;
      const isLate = quick && performance.now() - startedAt > QUICK_LATE_MS;
      return done < (isLate ? Math.min(planned, LATE_RUNS) : planned);
    },
    wants: (...ids) => isTouched(only, ids),
  };
  const print = (ending: string): void => {
    const shown = results.filter(({ id }) => isWanted(only, [id]));
    const info = {
      command: `npm run bench -- ${argv.join(' ')}${ending}`,
      machine: `${describeMachine()}${othersText(otherWork.cores())}`,
    };
    if (shown.length > 0)
      process.stdout.write(`${json ? formatJson(shown, info) : formatTable(shown, info)}\n`);
    else if (ending === '') throw new Error(`no figure is called ${only.join(', ')}`);
  };
  // Whoever has no more time gets what has been measured so far; the processes of the benchmark end with this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      print(` (ended early, by ${signal})`);
      process.exit(1);
    });
  }
  await benchmark(context);
  print('');
}

function othersText(cores: number | undefined): string {
  return cores === undefined ? '' : `, other work used ${cores.toFixed(2)} cores meanwhile`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
