import { describe, expect, it } from 'vitest';
import type { Resolution, TailRefusal } from '../../src/cold-start/resolution.ts';
import type { PullIntent } from '../../src/types.ts';
import { CascadeHarness, flush, idle, never } from '../support/cascade-harness.ts';
import { testDigest } from '../support/vectors.ts';

const PROVIDER = { nodeId: 'p', addr: 'p:5001' };

/** A cascade that waits without tailing; the best node pulls from the start. */
function waiting(
  answers: (calls: number, harness: CascadeHarness) => Partial<PullIntent> | Promise<PullIntent>,
): CascadeHarness {
  const harness = new CascadeHarness({ settings: { partialTransfer: false } });
  harness.intents.set(harness.node(0), (calls) => answers(calls, harness));
  return harness;
}

const pulling = (harness: CascadeHarness, changes: Partial<PullIntent> = {}): PullIntent =>
  idle({ rank: 0, inFlight: true, startedAt: harness.clock.now(), ...changes });

type Tail = Extract<Resolution, { how: 'tail' }>;

async function tail(harness: CascadeHarness): Promise<Tail> {
  const resolution = await harness.resolve();
  expect(resolution.how).toBe('tail');
  return resolution as Tail;
}

describe('waiting for a pull', () => {
  it('ends when the store has the object', async () => {
    const harness = waiting((_calls, { clock }) => idle({ inFlight: true, startedAt: clock.now(), rank: 0 }));
    const resolving = harness.resolve();
    harness.clock.advance(2_500);
    await flush();
    harness.isStored = true;
    expect(await resolving).toEqual({ how: 'local', outcome: 'local_hit' });
  });

  it('ends when discovery finds somebody who is neither ourselves nor suppressed', async () => {
    const harness = waiting((_calls, self) => pulling(self));
    harness.suppressed.add('bad');
    harness.lookups = [
      [{ nodeId: 'outside', addr: '' }],
      [{ nodeId: 'bad', addr: '' }],
      new Error('no route'),
      [{ nodeId: 'bad', addr: '' }, PROVIDER],
    ];
    expect(await harness.resolve()).toEqual({
      how: 'providers',
      providers: [PROVIDER],
      outcome: 'rule3_inflight',
    });
    expect(harness.lookupCount).toBe(4);
  });

  it('is not held up by a lookup that hangs', async () => {
    const harness = waiting((calls, self) =>
      calls === 1 ? pulling(self) : idle({ hasCached: true, rank: 0 }),
    );
    harness.lookups = Array.from({ length: 40 }, () => 'hang' as const);
    const before = harness.clock.now();
    expect(await harness.resolve()).toMatchObject({ providers: [{ nodeId: harness.node(0) }] });
    expect(harness.clock.now() - before).toBeLessThanOrEqual(15_000);
  });

  it('asks the puller at every fifth look whether it has it', async () => {
    const harness = waiting((calls, self) =>
      calls === 1 ? pulling(self) : idle({ hasCached: true, rank: 0 }),
    );
    expect(await harness.resolve({ kind: 'manifest' })).toMatchObject({
      how: 'providers',
      outcome: 'rule3_inflight',
      providers: [{ nodeId: harness.node(0) }],
    });
    expect(harness.lookupCount).toBe(5);
    expect(harness.vindicated).toEqual([harness.node(0)]);
  });

  it('goes on beyond the threshold while the puller gets further', async () => {
    const harness = waiting((calls, self) => {
      if (calls > 16) return idle({ hasCached: true, rank: 0 });
      return pulling(self, { startedAt: start, progressBytes: calls * 1_000 });
    });
    const start = harness.clock.now();
    await harness.resolve({ kind: 'manifest' });
    expect(harness.clock.now() - start).toBeGreaterThan(10_000);
    expect(harness.topic('coldstart.takeover')).toEqual([]);
  });

  it('gives a pull the time of its size as soon as that is known', async () => {
    const harness = waiting((calls, self) => {
      const at = self.clock.now() - start;
      if (at > 70_000) return idle({ hasCached: true, rank: 0 });
      return pulling(self, { startedAt: start, progressBytes: Math.min(calls, 2), totalBytes: 5 * 2 ** 30 });
    });
    const start = harness.clock.now();
    expect(await harness.resolve()).toMatchObject({ outcome: 'rule3_inflight' });
    expect(harness.topic('coldstart.takeover')).toEqual([]);
  });

  it('sees progress although every lookup hangs', async () => {
    for (const kind of ['manifest', 'blob'] as const) {
      const harness = waiting((calls, self) => {
        if (calls > 12) return idle({ hasCached: true, rank: 0 });
        return pulling(self, { startedAt: start, progressBytes: calls });
      });
      const start = harness.clock.now();
      harness.lookups = Array.from({ length: 200 }, () => 'hang' as const);
      expect(await harness.resolve({ kind })).toMatchObject({ outcome: 'rule3_inflight' });
      expect(harness.topic('coldstart.takeover')).toEqual([]);
    }
  });

  it('forgives a puller that answers every other time', async () => {
    const harness = waiting((calls, self) => {
      if (calls > 12) return idle({ hasCached: true, rank: 0 });
      if (calls % 2 === 0) throw new Error('reset');
      return pulling(self, { progressBytes: calls });
    });
    expect(await harness.resolve()).toMatchObject({ outcome: 'rule3_inflight' });
  });

  it('takes a pull that waits in a queue for alive', async () => {
    const harness = waiting((calls, self) =>
      calls > 16 ? idle({ hasCached: true, rank: 0 }) : pulling(self),
    );
    expect(await harness.resolve({ kind: 'manifest' })).toMatchObject({ outcome: 'rule3_inflight' });
  });

  it('gives up a puller that gets nowhere, and makes the next one pull', async () => {
    const harness = waiting((_calls, self) => pulling(self, { startedAt: start, progressBytes: 7 }));
    const start = harness.clock.now();
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.ranks('please')[0]).toBe(1);
    expect(harness.topic('coldstart.takeover').map(({ node }) => node)).toContain(harness.node(0));
  });

  it('gives up a puller that has forgotten the pull, which is no takeover', async () => {
    const harness = waiting((calls, self) => (calls === 1 ? pulling(self) : idle({ rank: 0 })));
    harness.intents.set(harness.node(1), (calls) => (calls > 1 ? idle({ hasCached: true, rank: 1 }) : {}));
    expect(await harness.resolve({ kind: 'manifest' })).toMatchObject({
      outcome: 'rule2_cache_hit',
      providers: [{ nodeId: harness.node(1) }, { nodeId: harness.node(0) }, { nodeId: harness.node(2) }],
    });
    expect(harness.topic('coldstart.takeover')).toEqual([]);
  });

  it('gives up a puller that does not answer twice in a row', async () => {
    const harness = waiting((calls, self) => (calls === 1 ? pulling(self) : never<PullIntent>()));
    harness.intents.set(harness.node(1), (calls) => (calls > 1 ? idle({ hasCached: true, rank: 1 }) : {}));
    await harness.resolve({ kind: 'manifest' });
    expect(harness.topic('coldstart.takeover')).toEqual([
      { digest: harness.digest, kind: 'manifest', node: harness.node(0) },
    ]);
  });

  it.each([
    ['FAILURE_SHORT_CIRCUIT', 'auth', 'rule1_failure'],
    ['COOLDOWN_ACTIVE', 'transient', 'rule4_cooldown'],
  ] as const)('ends with %s when the puller has failed', async (code, failureClass, outcome) => {
    const harness = waiting((calls, self) => {
      if (calls === 1) return pulling(self);
      return idle({ recentlyFailed: true, failureClass, cooldownUntil: self.clock.now() + 60_000 });
    });
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toMatchObject({ code });
    expect(harness.outcomes).toEqual([outcome]);
  });
});

describe('tailing', () => {
  const resume = async (harness: CascadeHarness, from: Tail, refusal: TailRefusal): Promise<Resolution> =>
    harness.settle(from.resume(refusal));

  it('is how a running pull is followed', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    expect(await tail(harness)).toMatchObject({
      provider: { nodeId: harness.node(0), addr: `${harness.node(0)}:5001` },
      outcome: 'rule3_inflight',
    });
    expect(harness.lookupCount).toBe(0);
  });

  it('is not tried again for ten minutes with a node that refuses it', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    const first = await tail(harness);
    harness.lookups = [[], [PROVIDER], [PROVIDER]];
    expect(await resume(harness, first, { kind: 'refused' })).toMatchObject({ providers: [PROVIDER] });
    harness.clock.advance(598_000);
    expect(await harness.resolve()).toMatchObject({ how: 'providers' });
    harness.clock.advance(2_000);
    expect(await harness.resolve()).toMatchObject({ how: 'tail' });
  });

  it('hears at once that the pull failed when it is refused, and holds nothing against the node', async () => {
    const harness = new CascadeHarness();
    let hasFailed = false;
    const failed = idle({
      recentlyFailed: true,
      failureClass: 'not_found',
      cooldownUntil: harness.clock.now() + 60_000,
    });
    harness.intents.set(harness.node(0), () => (hasFailed ? failed : pulling(harness)));
    const first = await tail(harness);
    hasFailed = true;
    const before = harness.clock.now();
    await expect(resume(harness, first, { kind: 'refused' })).rejects.toMatchObject({
      code: 'FAILURE_SHORT_CIRCUIT',
    });
    expect(harness.clock.now()).toBe(before);
    hasFailed = false;
    expect(await harness.resolve()).toMatchObject({ how: 'tail' });
  });

  it('copies at once when the pull has ended before it is refused', async () => {
    const harness = new CascadeHarness();
    let hasEnded = false;
    harness.intents.set(harness.node(0), () => (hasEnded ? idle({ hasCached: true }) : pulling(harness)));
    const first = await tail(harness);
    hasEnded = true;
    const before = harness.clock.now();
    expect(await resume(harness, first, { kind: 'refused' })).toMatchObject({
      how: 'providers',
      providers: [{ nodeId: harness.node(0) }],
    });
    expect(harness.clock.now()).toBe(before);
  });

  it('keeps its deadline when it is refused: the puller is given up in time', async () => {
    const harness = new CascadeHarness();
    const start = harness.clock.now();
    harness.intents.set(harness.node(0), () => pulling(harness, { startedAt: start }));
    const first = await tail(harness);
    harness.clock.advance(29_000);
    const next = await resume(harness, first, { kind: 'refused' });
    expect(next).toMatchObject({
      how: 'tail',
      provider: { nodeId: harness.node(1) },
      outcome: 'rule7_cold_start',
    });
    expect(harness.clock.now() - start).toBeLessThan(31_000);
  });

  it('waits as long as a busy node asks for', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    const first = await tail(harness);
    const before = harness.clock.now();
    expect(await resume(harness, first, { kind: 'busy', retryAfterMs: 3_000 })).toMatchObject({
      how: 'tail',
    });
    expect(harness.clock.now() - before).toBe(3_000);
  });

  it('gives up a node that cannot be connected to twice', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    const first = await tail(harness);
    const second = await resume(harness, first, { kind: 'unreachable' });
    expect(second).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(0) } });
    const third = await resume(harness, second as Tail, { kind: 'unreachable' });
    expect(third).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(1) } });
    expect(harness.topic('coldstart.takeover')).toHaveLength(1);
  });

  it('is resumed once, however many ask', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    const first = await tail(harness);
    const both = Promise.all([first.resume({ kind: 'unreachable' }), first.resume({ kind: 'unreachable' })]);
    const [a, b] = await harness.settle(both);
    expect(a).toBe(b);
  });

  it('ends with the signal it is resumed under', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness));
    const first = await tail(harness);
    const abort = new AbortController();
    const resumed = first.resume({ kind: 'busy', retryAfterMs: 10_000 }, abort.signal);
    await flush();
    abort.abort(new Error('left'));
    await expect(resumed).rejects.toThrow('left');
  });
});

describe('sizes that are told', () => {
  it('are learned while none is known', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), () => pulling(harness, { totalBytes: 777 }));
    await harness.resolve();
    expect(harness.sizes.get(harness.digest)).toBe(777);
    const knowing = new CascadeHarness({ digest: testDigest(2) });
    knowing.sizes.set(knowing.digest, 5);
    knowing.intents.set(knowing.node(0), () => pulling(knowing, { totalBytes: 777 }));
    await knowing.resolve();
    expect(knowing.sizes.get(knowing.digest)).toBe(5);
  });

  it('set the threshold of the pull', async () => {
    const harness = new CascadeHarness();
    const startedAt = harness.clock.now() - 35_000;
    harness.intents.set(harness.node(0), () => pulling(harness, { startedAt, totalBytes: 5 * 2 ** 30 }));
    expect(await harness.resolve()).toMatchObject({ how: 'tail', outcome: 'rule3_inflight' });
  });
});
