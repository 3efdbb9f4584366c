import { describe, expect, test } from 'vitest';
import { SCENARIOS } from '../../coordination/scenarios/index.ts';
import { isMet } from '../../services.ts';

/** Short forms; a failing one is replayed with `npm run sim -- coordination --seed 7 --quick --scenario <id>`. */
describe('scenarios', () => {
  test.each(SCENARIOS.filter(({ isQuick }) => isQuick).map(({ id }) => id))(
    '%s meets its targets',
    async (id) => {
      const scenario = SCENARIOS.find((each) => each.id === id);
      const result = await scenario?.run({ seed: 7, isQuick: true });
      expect(result?.figures.filter((figure) => !isMet(figure))).toEqual([]);
      expect(result?.figures.length).toBeGreaterThan(0);
      expect(result?.notes.join('\n')).toMatch(/origin pulls per digest: \d+ x/);
    },
  );

  test('every scenario has a name of its own', () => {
    expect(new Set(SCENARIOS.map(({ id }) => id)).size).toBe(SCENARIOS.length);
  });
});
