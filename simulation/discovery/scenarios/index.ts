import { M01, M10, M13 } from './convergence.ts';
import { CURVE, M08 } from './cost.ts';
import { F1, F1B, M02 } from './crashes.ts';
import { CLIQUES, F9, F10, M06, M12, REKEYING, ROLES } from './lies.ts';
import { F7, F8, M11, M17 } from './lifecycle.ts';
import { M07 } from './loss.ts';
import { F6, F6B, F11 } from './partitions.ts';
import type { Scenario } from './result.ts';
import { M04, RECALL } from './searches.ts';
import { F2, F2B, F3, F4, F5 } from './seeds.ts';
import { M14 } from './strangers.ts';

/** All of them, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  F1,
  F1B,
  F2,
  F2B,
  F3,
  F4,
  F5,
  F6,
  F6B,
  F7,
  F8,
  F9,
  F10,
  F11,
  M01,
  M02,
  M04,
  M06,
  M07,
  M08,
  M10,
  M11,
  M12,
  M13,
  M14,
  M17,
  ROLES,
  REKEYING,
  CLIQUES,
  RECALL,
  CURVE,
];

/** Measured under another name, or only with real processes. */
export const ELSEWHERE: readonly (readonly [string, string])[] = [
  ['M-03', 'F1b'],
  ['M-05', 'M-04'],
  ['M-09', 'F10'],
  ['M-15', 'F11'],
  ['M-16', 'needs a real process: time of a heartbeat'],
  ['M-18', 'needs resource streams'],
];

export { isMet } from './result.ts';
export type { Figure, Scenario, ScenarioOptions, ScenarioResult } from './result.ts';
