import { describe, expect, test } from 'vitest';
import { SCENARIOS } from '../../coordination/scenarios/index.ts';
import { isMet } from '../../services.ts';

const MAIN = 'S2 S3 S5 S6 S7 S8 S10 S12 S12d S13 S14b S15 S17 S18 S21 S25 S26 S28 leases loss mix L2'.split(
  ' ',
);

/** Short forms; a failing one is replayed with `npm run sim -- coordination --seed 7 --quick --agents 16 --scenario <id>`. */
describe('scenarios', () => {
  test.each(MAIN)('%s meets its targets', async (id) => {
    const scenario = SCENARIOS.find((each) => each.id === id);
    const result = await scenario?.run({ seed: 7, isQuick: true, agents: 16 });
    expect(result?.figures.filter((figure) => !isMet(figure))).toEqual([]);
    expect(result?.figures.length).toBeGreaterThan(0);
    expect(result?.notes.join('\n')).toMatch(/origin pulls per digest: \d+ x/);
  });

  test('every scenario has a name of its own', () => {
    expect(new Set(SCENARIOS.map(({ id }) => id)).size).toBe(SCENARIOS.length);
  });
});
