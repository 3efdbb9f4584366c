/** What a scenario is, and what all of them share (coordination spec 25.4). */

import { availableParallelism } from 'node:os';
import type { BenchmarkContext } from '../../harness/benchmark.ts';
import type { Target } from '../../harness/targets.ts';
import type { Laboratory } from './laboratory.ts';

/** What a scenario found; the names are those of its expectations and of further figures. */
export type Findings = Readonly<Record<string, Finding>>;

export interface Finding {
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

export interface Scenario {
  /** `S1` to `S24`. */
  readonly id: string;
  readonly title: string;
  /** Bounds of findings, by their names. */
  readonly expects: Readonly<Record<string, Omit<Target, 'id'>>>;
  readonly run: (lab: Laboratory) => Promise<Findings>;
}

/** How large a scenario is. */
export interface Sizes {
  readonly isQuick: boolean;
  /** Agents, where the scenario does not say itself. */
  readonly agents: number;
  /** The numbers of agents of a series. */
  readonly series: readonly number[];
}

/** A hundred agents on fewer processors measure the machine. */
const PROCESSORS_FOR_A_HUNDRED = 8;

export function sizesOf({ quick }: Pick<BenchmarkContext, 'quick'>): Sizes {
  if (quick) return { isQuick: true, agents: 5, series: [5] };
  const series = [5, 20, 50];
  return {
    isQuick: false,
    agents: 20,
    series: availableParallelism() < PROCESSORS_FOR_A_HUNDRED ? series : [...series, 100],
  };
}

/** A finding that is a plain number of things. */
export function count(value: number, note: string, unit = ''): Finding {
  return { value, unit, note };
}

/** A finding in seconds, from milliseconds. */
export function seconds(ms: number, note: string): Finding {
  return { value: ms / 1_000, unit: 's', note };
}
