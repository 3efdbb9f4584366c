import { describe, expect, test } from 'vitest';
import { isMet, SCENARIOS } from '../../discovery/scenarios/index.ts';

/** Short forms; a failing one is replayed with `npm run sim -- discovery --seed 7 --quick --scenario <id>`. */
describe('scenarios', () => {
  test.each(['F1', 'F1b', 'F6b', 'F9', 'F10', 'F11'])('%s meets its targets', async (id) => {
    const scenario = SCENARIOS.find((each) => each.id === id);
    const result = await scenario?.run({ seed: 7, isQuick: true });
    expect(result?.figures.filter((figure) => !isMet(figure))).toEqual([]);
    expect(result?.figures.length).toBeGreaterThan(0);
  });

  test('every scenario has a name of its own', () => {
    expect(new Set(SCENARIOS.map(({ id }) => id)).size).toBe(SCENARIOS.length);
  });
});
