import { describe, it } from 'vitest';
import { SCENARIOS } from '../../../../benchmarks/coordination/scenarios.ts';
import { expectShortForm } from '../e2e/short-form.ts';

/**
 * Scenarios that count origin requests while time-outs of two seconds run: they need a machine that is not overloaded,
 * and their counts say nothing on one that is. The simulator runs the same ones in virtual time.
 */
const TIMED = ['S2', 'S4', 'S11', 'S13', 'S14', 'S17', 'S19'];

describe('timed scenarios of the laboratory, in their short forms', () => {
  it.for(SCENARIOS.filter(({ id }) => TIMED.includes(id)))('$id: $title', async (scenario) => {
    await expectShortForm(scenario);
  });
});
