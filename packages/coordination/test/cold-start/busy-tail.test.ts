import { describe, expect, it } from 'vitest';
import type { Resolution } from '../../src/cold-start/resolution.ts';
import { CascadeHarness } from '../support/cascade-harness.ts';

/** Finds the puller busy again and again; resolves with what comes after it, and how often it was asked. */
async function insist(
  harness: CascadeHarness,
  most: number,
): Promise<{ readonly asks: number; readonly last: Resolution }> {
  const puller = harness.node(0);
  let last = await harness.resolve();
  let asks = 0;
  while (asks < most && last.how === 'tail' && last.provider.nodeId === puller) {
    asks += 1;
    last = await harness.settle(last.resume({ kind: 'busy', retryAfterMs: 1_000 }));
  }
  return { asks, last };
}

describe('a puller that has no place for one more to follow it', () => {
  it('is given up when it shows no progress, after the time that a pull may take', async () => {
    const harness = new CascadeHarness();
    const startedAt = harness.clock.now();
    harness.intents.set(harness.node(0), () => ({ inFlight: true, startedAt, progressBytes: 100 }));
    const { asks, last } = await insist(harness, 1_000);
    expect(last).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(1) } });
    // Once a second, not without a pause once the time is over.
    expect(asks).toBeLessThanOrEqual(31);
    expect(harness.clock.now() - startedAt).toBeLessThanOrEqual(40_000);
  });

  it('is waited for as long as it makes progress', async () => {
    const harness = new CascadeHarness();
    const startedAt = harness.clock.now();
    harness.intents.set(harness.node(0), () => ({
      inFlight: true,
      startedAt,
      progressBytes: harness.clock.now() - startedAt + 1,
    }));
    const { asks, last } = await insist(harness, 60);
    expect(asks).toBe(60);
    expect(last).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(0) } });
    expect(harness.clock.now() - startedAt).toBeGreaterThanOrEqual(60_000);
    expect(harness.topic('coldstart.takeover')).toEqual([]);
  });

  it('is left for one that has the object meanwhile', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), (calls) => (calls < 4 ? { inFlight: true } : { hasCached: true }));
    const { last } = await insist(harness, 100);
    expect(last).toMatchObject({ how: 'providers', providers: [{ nodeId: harness.node(0) }] });
  });
});
