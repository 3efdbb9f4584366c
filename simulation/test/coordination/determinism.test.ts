import { describe, expect, test } from 'vitest';
import { SCENARIOS } from '../../coordination/scenarios/index.ts';

async function run(id: string, seed: number): Promise<{ readonly hash: string; readonly steps: number }> {
  const scenario = SCENARIOS.find((each) => each.id === id);
  if (scenario === undefined) throw new RangeError(`no scenario ${id}`);
  const { hash, steps } = await scenario.run({ seed, isQuick: true, agents: 12 });
  return { hash, steps };
}

describe('determinism', () => {
  test.each(['S14b', 'S12c', 'loss'])('%s: the same seed gives the same trace', async (id) => {
    const first = await run(id, 11);
    expect(await run(id, 11)).toEqual(first);
    expect(first.steps).toBeGreaterThan(1_000);
  });

  test('another seed gives another', async () => {
    expect((await run('S2', 12)).hash).not.toBe((await run('S2', 13)).hash);
  });
});
