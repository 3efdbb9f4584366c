/** What `npm run sim` can run: the scenarios of each service, with the options that are theirs. */

import * as coordination from './coordination/scenarios/index.ts';
import * as discovery from './discovery/scenarios/index.ts';

/** A measured figure against its target. */
export type Figure = discovery.Figure;

export type SizeOption = 'nodes' | 'indexers' | 'minutes' | 'agents';

export interface RunOptions {
  readonly seed: number;
  readonly isQuick: boolean;
  readonly nodes?: number;
  readonly indexers?: number;
  readonly minutes?: number;
  readonly agents?: number;
}

/** A scenario of any service. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly isQuick: boolean;
  run(options: RunOptions): Promise<discovery.ScenarioResult>;
}

export interface Service {
  readonly scenarios: readonly Scenario[];
  /** Scenarios of the specification that are shown in another way. */
  readonly elsewhere: readonly (readonly [string, string])[];
  /** The sizes that can be given. */
  readonly sizes: readonly SizeOption[];
}

export const SERVICES: Readonly<Record<string, Service>> = {
  discovery: {
    scenarios: discovery.SCENARIOS,
    elsewhere: discovery.ELSEWHERE,
    sizes: ['nodes', 'indexers', 'minutes'],
  },
  coordination: {
    scenarios: coordination.SCENARIOS,
    elsewhere: coordination.ELSEWHERE,
    sizes: ['agents'],
  },
};

export { isMet } from './discovery/scenarios/index.ts';
