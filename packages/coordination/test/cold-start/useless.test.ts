import { describe, expect, it } from 'vitest';
import { CascadeHarness } from '../support/cascade-harness.ts';

/** A node that says it has the object, and from which it cannot be had. */
describe('a node whose word is worth nothing', () => {
  it('does not keep the next one from being asked to pull, and is not asked itself', async () => {
    const harness = new CascadeHarness();
    const liar = harness.node(0);
    harness.useless.add(liar);
    harness.intents.set(liar, () => ({ hasCached: true }));
    expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(1) } });
    expect(harness.ranks('please')).toEqual([1]);
    expect(harness.vindicated).toEqual([]);
  });

  it('is passed over for another one that has it', async () => {
    const harness = new CascadeHarness();
    for (const rank of [0, 2]) harness.intents.set(harness.node(rank), () => ({ hasCached: true }));
    harness.useless.add(harness.node(0));
    const resolution = await harness.resolve();
    expect(resolution).toMatchObject({ how: 'providers', outcome: 'rule2_cache_hit' });
    expect(resolution).toMatchObject({ providers: [{ nodeId: harness.node(2) }, {}, {}] });
  });

  it('is believed when it says that the origin refuses the object', async () => {
    const harness = new CascadeHarness();
    harness.useless.add(harness.node(0));
    harness.intents.set(harness.node(0), () => ({
      hasCached: true,
      recentlyFailed: true,
      failureClass: 'auth',
    }));
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'FAILURE_SHORT_CIRCUIT' });
  });

  it('is given up as puller when it turns out so during the wait', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false } });
    const puller = harness.node(0);
    harness.intents.set(puller, (calls) => {
      if (calls <= 1) return {};
      harness.useless.add(puller);
      return { hasCached: true };
    });
    harness.lookups = Array.from({ length: 8 }, () => []);
    harness.intents.set(harness.node(1), (calls) => (calls > 2 ? { hasCached: true } : {}));
    const resolution = await harness.resolve();
    expect(resolution).toMatchObject({ how: 'providers', providers: [{ nodeId: harness.node(1) }] });
    expect(harness.ranks('please')).toEqual([0, 1]);
  });
});
