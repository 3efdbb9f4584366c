/**
 * `npm run sim -- discovery --seed N [--scenario F1|all] [--quick] [--nodes N] [--indexers M] [--minutes K] [--json]`.
 * Prints the figures against their targets and the hash of the trace. Exits with 1 when a target is missed or a safety
 * rule is broken, and prints the command that replays it.
 */

import { parseArgs } from 'node:util';
import { systemClock } from '@muster/core';
import {
  ELSEWHERE,
  type Figure,
  isMet,
  type Scenario,
  type ScenarioOptions,
  type ScenarioResult,
  SCENARIOS,
} from './discovery/scenarios/index.ts';

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

async function runOne(scenario: Scenario, options: ScenarioOptions): Promise<Outcome> {
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
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
if (positionals[0] !== undefined && positionals[0] !== 'discovery')
  throw new RangeError(`there is no simulation of ${positionals[0]}; there is: discovery`);
const nodes = number(values.nodes, 'nodes');
const indexers = number(values.indexers, 'indexers');
const minutes = number(values.minutes, 'minutes');
const options: ScenarioOptions = {
  seed: number(values.seed, 'seed') ?? 1,
  isQuick: values.quick,
  ...(nodes !== undefined && { nodes }),
  ...(indexers !== undefined && { indexers }),
  ...(minutes !== undefined && { minutes }),
};
// A size without a scenario asks for what depends on it.
const wanted =
  values.scenario === 'all' && nodes !== undefined ? ['recall', 'curve'] : values.scenario.split(',');
const chosen = SCENARIOS.filter(({ id, isQuick }) =>
  wanted.includes('all') ? !values.quick || isQuick : wanted.includes(id),
);
if (values.list) {
  for (const { id, title, isQuick } of SCENARIOS) print(`${id}${isQuick ? ' (quick)' : ''}: ${title}`);
  for (const [id, where] of ELSEWHERE) print(`${id}: see ${where}`);
} else if (chosen.length === 0) {
  throw new RangeError(
    `no scenario ${values.scenario}; there are ${SCENARIOS.map(({ id }) => id).join(', ')}`,
  );
} else {
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    const outcome = await runOne(scenario, options);
    outcomes.push(outcome);
    const sizes = (['nodes', 'indexers', 'minutes'] as const)
      .filter((name) => values[name] !== undefined)
      .map((name) => ` --${name} ${values[name]}`);
    const replay = `npm run sim -- discovery --seed ${options.seed} --scenario ${scenario.id}${values.quick ? ' --quick' : ''}${sizes.join('')}`;
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
