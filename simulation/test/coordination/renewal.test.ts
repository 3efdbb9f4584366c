import { expect, test } from 'vitest';
import { SCENARIOS } from '../../coordination/scenarios/index.ts';
import { isMet } from '../../services.ts';

/** Replayed with `npm run sim -- coordination --seed 7 --quick --scenario S22`. Two virtual days are more than the other short forms. */
test('S22: after two days without a restart, providers are still found', { timeout: 180_000 }, async () => {
  const scenario = SCENARIOS.find(({ id }) => id === 'S22');
  const result = await scenario?.run({ seed: 7, isQuick: true });
  expect(result?.figures.map(({ name }) => name)).toContain('lookups that did not find all providers');
  expect(result?.figures.filter((figure) => !isMet(figure))).toEqual([]);
});
