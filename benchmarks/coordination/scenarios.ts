/** The scenarios of the laboratory (coordination spec 25.4), by their ids; each is run on its own with `--only S6`. */

import { COLD_AND_WARM } from './scenarios/cold-and-warm.ts';
import { FAILURES } from './scenarios/failures.ts';
import { NETWORK_FAULTS } from './scenarios/network-faults.ts';
import { PROTOCOL } from './scenarios/protocol.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { VIEWS } from './scenarios/views.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...COLD_AND_WARM,
  ...FAILURES,
  ...NETWORK_FAULTS,
  ...VIEWS,
  ...PROTOCOL,
].sort((left, right) => numberOf(left) - numberOf(right));

function numberOf({ id }: Scenario): number {
  return Number(id.slice(1));
}
