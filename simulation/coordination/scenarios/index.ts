import { S2, S21, S23, S2B, S3, S4, S5 } from './healthy.ts';
import { LIES, S12, S12C, S12D, S12E, S12F } from './liars.ts';
import { LEASES, S25, S26, S27, S28 } from './leases.ts';
import { MIX } from './mix.ts';
import { S10, S11, S11B, S12B, S9 } from './origins.ts';
import { S6, S7, S8 } from './pullers.ts';
import type { Scenario } from './result.ts';
import { LOSS, S13, S14, S14B, S15, S16, S17, S18, S22 } from './views.ts';

/** All of them, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  S2,
  S2B,
  S3,
  S4,
  S5,
  S6,
  S7,
  S8,
  S9,
  S10,
  S11,
  S11B,
  S12,
  S12B,
  S12C,
  S12D,
  S12E,
  S12F,
  S13,
  S14,
  S14B,
  S15,
  S16,
  S17,
  S18,
  S21,
  S22,
  S23,
  S25,
  S26,
  S27,
  S28,
  LOSS,
  MIX,
  LEASES,
  ...LIES,
];

/** Shown elsewhere, because they need real processes or are not about many agents. */
export const ELSEWHERE: readonly (readonly [string, string])[] = [
  ['S1', 'the benchmark, whose baseline it is'],
  ['S19', 'the tests of the coordination server'],
  ['S20', 'the tests of the listeners'],
  ['S24', 'the vectors of the wire'],
];

export type { Figure, Scenario, ScenarioOptions, ScenarioResult } from './result.ts';
