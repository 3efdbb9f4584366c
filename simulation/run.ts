/**
 * `npm run sim -- discovery --seed N [--scenario F1|all] [--quick] [--nodes N] [--indexers M] [--minutes K] [--json]`,
 * `npm run sim -- coordination --seed N [--scenario S14|all] [--quick] [--agents N] [--json]`.
 * Prints the figures against their targets and the hash of the trace. Exits with 1 when a target is missed or a safety
 * rule is broken, and prints the command that replays it.
 */

import { parseArgs } from 'node:util';
import { systemClock } from '@muster/core';
import { type Figure, isMet, type RunOptions, type Scenario, SERVICES, type SizeOption } from './services.ts';

type ScenarioResult = Awaited<ReturnType<Scenario['run']>>;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`--${name} takes a whole number, not ${text}`);
  return value;
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'never' : '∞';
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 3 : 1);
}

function target({ atMost, atLeast }: Figure): string {
  return [
    atLeast === undefined ? '' : `>= ${shown(atLeast)}`,
    atMost === undefined ? '' : `<= ${shown(atMost)}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}

interface Outcome {
  readonly scenario: Scenario;
  readonly result: ScenarioResult | undefined;
  readonly error: string | undefined;
  readonly tookMs: number;
}

async function runOne(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const startedAt = systemClock.monotonic();
  const took = (): number => systemClock.monotonic() - startedAt;
  try {
    const result = await scenario.run(options);
    return { scenario, result, error: undefined, tookMs: took() };
  } catch (error) {
    return {
      scenario,
      result: undefined,
      error: error instanceof Error ? error.message : String(error),
      tookMs: took(),
    };
  }
}

function hasPassed({ result }: Outcome): boolean {
  return result !== undefined && result.figures.every(isMet);
}

function report(outcome: Outcome, replay: string): void {
  const { scenario, result, error, tookMs } = outcome;
  print(`${scenario.id}: ${scenario.title}`);
  for (const figure of result?.figures ?? []) {
    const goal = target(figure);
    const mark = goal === '' ? ' ' : isMet(figure) ? '+' : 'X';
    print(
      `  ${mark} ${figure.name}: ${shown(figure.value)} ${figure.unit}${goal === '' ? '' : `  (${goal})`}`,
    );
  }
  for (const note of result?.notes ?? []) print(`    ${note}`);
  if (error !== undefined) print(`  X ${error}`);
  if (result !== undefined) {
    const speed = result.virtualMs / Math.max(1, tookMs);
    print(
      `    ${(result.virtualMs / 60_000).toFixed(1)} virtual minutes in ${(tookMs / 1_000).toFixed(1)} s ` +
        `(${speed.toFixed(0)} times real time), ${result.steps} events, trace ${result.hash}`,
    );
  }
  if (!hasPassed(outcome)) print(`    replay: ${replay}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'all' },
    nodes: { type: 'string' },
    indexers: { type: 'string' },
    minutes: { type: 'string' },
    agents: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const [name = 'discovery'] = positionals;
const service = SERVICES[name];
if (service === undefined)
  throw new RangeError(`there is no simulation of ${name}; there are: ${Object.keys(SERVICES).join(', ')}`);
const sizes = new Map<SizeOption, number>();
for (const size of ['nodes', 'indexers', 'minutes', 'agents'] as const) {
  const value = number(values[size], size);
  if (value === undefined) continue;
  if (!service.sizes.includes(size)) throw new RangeError(`--${size} is no option of ${name}`);
  sizes.set(size, value);
}
const options: RunOptions = {
  seed: number(values.seed, 'seed') ?? 1,
  isQuick: values.quick,
  ...Object.fromEntries(sizes),
};
// A size of discovery without a scenario asks for what depends on it.
const wanted =
  values.scenario === 'all' && sizes.has('nodes') ? ['recall', 'curve'] : values.scenario.split(',');
const chosen = service.scenarios.filter(({ id, isQuick }) =>
  wanted.includes('all') ? !values.quick || isQuick : wanted.includes(id),
);
if (values.list) {
  for (const { id, title, isQuick } of service.scenarios) {
    print(`${id}${isQuick ? ' (quick)' : ''}: ${title}`);
  }
  for (const [id, where] of service.elsewhere) print(`${id}: see ${where}`);
} else if (chosen.length === 0) {
  throw new RangeError(
    `no scenario ${values.scenario}; there are ${service.scenarios.map(({ id }) => id).join(', ')}`,
  );
} else {
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    const outcome = await runOne(scenario, options);
    outcomes.push(outcome);
    const given = [...sizes].map(([size, value]) => ` --${size} ${value}`).join('');
    const quick = values.quick ? ' --quick' : '';
    const replay = `npm run sim -- ${name} --seed ${options.seed} --scenario ${scenario.id}${quick}${given}`;
    if (!values.json) report(outcome, replay);
  }
  const failed = outcomes.filter((outcome) => !hasPassed(outcome));
  if (values.json)
    print(
      JSON.stringify(
        outcomes.map(({ scenario, ...rest }) => ({ id: scenario.id, ...rest })),
        undefined,
        2,
      ),
    );
  else print(`${outcomes.length - failed.length} of ${outcomes.length} scenarios met their targets`);
  if (failed.length > 0) process.exitCode = 1;
}
