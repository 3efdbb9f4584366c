import { describe, expect, it } from 'vitest';
import { CascadeHarness, idle, never } from '../support/cascade-harness.ts';
import type { IntentStub } from '../support/cascade-harness.ts';

const fails = async (): Promise<never> => {
  throw new Error('the stream was reset');
};

/** The answer of the second look: the first is that of the probe. */
function then(stub: IntentStub): IntentStub {
  return (calls, signal) => (calls === 1 ? idle({ rank: 0 }) : stub(calls, signal));
}

/** A cascade whose best node does not answer when it is asked to pull, at least at first. */
function ambiguous(second: IntentStub, please: (calls: number) => Promise<never> = never): CascadeHarness {
  const harness = new CascadeHarness({ settings: { partialTransfer: true } });
  harness.intents.set(harness.node(0), then(second));
  harness.pleases.set(harness.node(0), please);
  return harness;
}

describe('a call that failed may have arrived', () => {
  it('and it had: the pull runs at the node that was asked', async () => {
    const harness = ambiguous(() => idle({ inFlight: true, rank: 0 }));
    expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(0) } });
    expect(harness.ranks('please')).toEqual([0]);
    expect(harness.ranks('intent')).toEqual([0, 1, 2, 0]);
  });

  it('and it is done already', async () => {
    const harness = ambiguous(() => idle({ hasCached: true, rank: 0 }), fails);
    expect(await harness.resolve()).toEqual({
      how: 'providers',
      providers: [{ nodeId: harness.node(0), addr: `${harness.node(0)}:5001` }],
      outcome: 'rule7_cold_start',
    });
    expect(harness.vindicated).toEqual([harness.node(0)]);
  });

  it('and the origin refused', async () => {
    const harness = ambiguous(() => idle({ recentlyFailed: true, failureClass: 'not_found' }));
    await expect(harness.resolve()).rejects.toMatchObject({
      code: 'FAILURE_SHORT_CIRCUIT',
      details: { node: harness.node(0), failureClass: 'not_found' },
    });
    expect(harness.outcomes).toEqual(['rule1_failure']);
  });

  it('and the origin failed for now: the digest is left alone', async () => {
    const harness = ambiguous(() =>
      idle({ recentlyFailed: true, failureClass: 'transient', cooldownUntil: harness.clock.now() + 60_000 }),
    );
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'COOLDOWN_ACTIVE' });
    const calls = harness.calls.length;
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'COOLDOWN_ACTIVE' });
    expect(harness.calls).toHaveLength(calls);
    harness.clock.advance(30_000);
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'COOLDOWN_ACTIVE' });
    expect(harness.calls.length).toBeGreaterThan(calls);
    expect(harness.outcomes).toEqual(['rule4_cooldown', 'rule4_cooldown_honored', 'rule4_cooldown']);
  });

  it('and it had not: the same node is asked once more', async () => {
    const harness = ambiguous(
      () => idle({ rank: 0 }),
      async (calls) => (calls === 1 ? never() : (undefined as never)),
    );
    expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(0) } });
    expect(harness.ranks('please')).toEqual([0, 0]);
  });

  it('and nobody knows: the node is given up, the next one asked', async () => {
    for (const second of [never, fails]) {
      const harness = ambiguous(second);
      expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(1) } });
      expect(harness.ranks('please')).toEqual([0, 1]);
      expect(harness.topic('coldstart.takeover')).toEqual([]);
      expect(harness.topic('coldstart.repull')).toEqual([]);
    }
  });

  it('asks the next node after a node that declines, and then no further', async () => {
    const harness = new CascadeHarness();
    harness.pleases.set(harness.node(0), () => ({ outcome: 'unspecified' }));
    await harness.resolve();
    expect(harness.ranks('please')).toEqual([0, 1]);
  });

  it('looks again at ourselves as at others', async () => {
    const own = new CascadeHarness().node(0);
    const harness = new CascadeHarness({ self: own, isLocalWired: true });
    harness.intents.set(
      own,
      then(() => idle({ inFlight: true })),
    );
    harness.pleases.set(own, fails);
    expect(await harness.resolve()).toEqual({ how: 'own-pull', outcome: 'rule7_cold_start' });
    expect(harness.calls.filter((call) => call.startsWith('local'))).toEqual([
      'local intent',
      'local please',
      'local intent',
    ]);
  });

  it('learns from the answer whose clock deviates, and allows for it', async () => {
    for (const behindMs of [5_000, 0]) {
      const harness = new CascadeHarness();
      const node = harness.node(0);
      const startedAt = harness.clock.now() - behindMs;
      harness.pleases.set(node, () => ({ outcome: 'started', startedAt }));
      await harness.resolve({ kind: 'manifest' });
      harness.clock.advance(6_500 - behindMs);
      harness.intents.set(node, () => ({ inFlight: true, startedAt }));
      const outcome = behindMs === 0 ? 'rule7_cold_start' : 'rule3_inflight';
      expect(await harness.resolve({ kind: 'manifest' })).toMatchObject({ outcome });
    }
  });

  it('stops when the caller leaves in the middle of it', async () => {
    const abort = new AbortController();
    const harness = ambiguous(async () => {
      abort.abort(new Error('left'));
      return never();
    });
    await expect(harness.resolve({ signal: abort.signal })).rejects.toThrow('left');
    expect(harness.ranks('please')).toEqual([0]);
    await harness.settle(Promise.resolve());
    expect(harness.outcomes).toEqual(['error']);
  });
});
