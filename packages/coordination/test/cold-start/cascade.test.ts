import { errorCode, recordingLogger } from '@muster/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FailureClass, PullIntent, PullOutcome } from '../../src/types.ts';
import { CascadeHarness, flush, idle, never } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { testDigest } from '../support/vectors.ts';

const TRUSTED = { recentlyFailed: true, failureClass: 'auth' } as const;

describe('the probe', () => {
  it('ends with the first trusted failure, whoever has not answered', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), never);
    harness.intents.set(harness.node(1), () => TRUSTED);
    const before = harness.clock.now();
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'FAILURE_SHORT_CIRCUIT' });
    expect(harness.clock.now()).toBe(before);
  });

  it('gives others 150 ms after a hit, in which one may know better', async () => {
    for (const delay of [100, 200]) {
      const harness = new CascadeHarness();
      harness.intents.set(harness.node(1), () => ({ hasCached: true }));
      harness.intents.set(harness.node(2), async () => {
        await harness.clock.sleep(delay);
        return idle({ rank: 2, ...TRUSTED });
      });
      const resolving = harness.resolve();
      if (delay < 150) await expect(resolving).rejects.toMatchObject({ code: 'FAILURE_SHORT_CIRCUIT' });
      else expect(await resolving).toMatchObject({ how: 'providers', outcome: 'rule2_cache_hit' });
    }
  });

  it('takes who has not answered in two seconds for unreachable, and ends the calls', async () => {
    const harness = new CascadeHarness();
    let signal: AbortSignal | undefined;
    harness.intents.set(harness.node(0), async (_calls, given) => {
      signal = given;
      return never();
    });
    const before = harness.clock.now();
    expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(1) } });
    expect(harness.clock.now() - before).toBe(2_000);
    expect(signal?.aborted).toBe(true);
  });

  it('waits longer where all answers take long, but not for ever', async () => {
    const harness = new CascadeHarness();
    for (const rank of [0, 1, 2]) {
      harness.intents.set(harness.node(rank), async (calls) => {
        // The first answers come just in time, those of the next run too late for two seconds.
        await harness.clock.sleep(calls === 1 ? 1_900 : 2_500);
        return idle({ rank, hasCached: true });
      });
    }
    expect(await harness.resolve()).toMatchObject({ outcome: 'rule2_cache_hit' });
    expect(await harness.resolve()).toMatchObject({ outcome: 'rule2_cache_hit' });
    for (const rank of [0, 1, 2]) harness.intents.set(harness.node(rank), never);
    const before = harness.clock.now();
    await harness.resolve().catch(() => undefined);
    expect(harness.clock.now() - before).toBeLessThanOrEqual(2 * 8_000);
  });

  it('looks twice at an old pull that tells its progress before it is taken over', async () => {
    for (const isAlive of [true, false]) {
      const harness = new CascadeHarness();
      const startedAt = harness.clock.now() - 120_000;
      harness.intents.set(harness.node(0), (calls) => ({
        inFlight: true,
        startedAt,
        progressBytes: isAlive ? calls * 100 : 100,
      }));
      const resolution = await harness.resolve();
      expect(harness.ranks('intent')).toEqual([0, 1, 2, 0]);
      expect(resolution).toMatchObject({ how: 'tail', provider: { nodeId: harness.node(isAlive ? 0 : 1) } });
      expect(harness.topic('coldstart.takeover')).toHaveLength(isAlive ? 0 : 1);
    }
  });
});

describe('views in motion', () => {
  const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((id) => clusterNode(id));
  const settings = { hrwViewOverlapMs: 10_000 };
  const order = new CascadeHarness({ nodes: all }).order;
  const ranked = (...ranks: number[]): typeof all =>
    ranks.map((rank) => all.find(({ id }) => id === order[rank]) as (typeof all)[number]);

  it('asks those of before too, and joins the pull that runs there', async () => {
    const harness = new CascadeHarness({ nodes: ranked(3, 4, 5), settings });
    harness.clock.advance(60_000);
    harness.members.change(ranked(0, 1, 2, 4, 5));
    harness.intents.set(order[3] as string, () => ({ inFlight: true, startedAt: harness.clock.now() }));
    expect(await harness.resolve()).toMatchObject({ how: 'tail', provider: { nodeId: order[3] } });
  });

  it('makes one of before the puller only when no other can be reached', async () => {
    for (const isReachable of [true, false]) {
      const harness = new CascadeHarness({ nodes: ranked(0, 1, 3), settings });
      harness.members.change(ranked(2, 4, 5));
      if (!isReachable) for (const { id } of ranked(2, 4, 5)) harness.intents.set(id, never);
      const expected = isReachable ? order[2] : order[0];
      expect(await harness.resolve()).toMatchObject({ provider: { nodeId: expected } });
    }
  });

  it('stops listening when it is closed', () => {
    const harness = new CascadeHarness();
    expect(harness.members.listeners).toBe(1);
    harness.coldStart.close(new Error('the agent stops'));
    expect(harness.members.listeners).toBe(0);
  });
});

describe('zone scope', () => {
  const nodes = [
    clusterNode('a', 'z1'),
    clusterNode('b', 'z2'),
    clusterNode('c', 'z1'),
    clusterNode('d', 'z2'),
  ];

  it('elects in the own zone and compares ranks of the whole cluster there', async () => {
    const harness = new CascadeHarness({ self: 'a', nodes, settings: { hrwScope: 'zone' } });
    await harness.resolve();
    expect(harness.calls).toEqual(['intent c', 'please c']);
    expect(harness.topic('hrw.mismatch')).toEqual([]);
    harness.intents.set('c', () => ({ rank: 3 - harness.order.indexOf('c') }));
    await harness.resolve();
    expect(harness.topic('hrw.mismatch')).toMatchObject([{ node: 'c', ours: harness.order.indexOf('c') }]);
  });

  it('finds the own zone of a node that is not ready yet', async () => {
    const harness = new CascadeHarness({ self: 'x', nodes, settings: { hrwScope: 'zone' } });
    harness.members.bootstrapSnapshot = () => [clusterNode('x', 'z2')];
    await harness.resolve();
    expect(harness.calls.slice(0, 2).toSorted()).toEqual(['intent b', 'intent d']);
  });

  it('does not compare ranks with other zones', async () => {
    const own = { ...clusterNode('x', 'z3') };
    const harness = new CascadeHarness({ self: 'x', nodes: [...nodes], settings: { hrwScope: 'zone' } });
    harness.members.bootstrapSnapshot = () => [own];
    for (const { id } of nodes) harness.intents.set(id, () => ({ rank: 77 }));
    await harness.resolve();
    expect(harness.ranks('intent')).toHaveLength(3);
    expect(harness.topic('hrw.mismatch')).toEqual([]);
  });
});

it('logs one rank mismatch per node and ten seconds, and counts all', async () => {
  const logger = recordingLogger();
  const harness = new CascadeHarness({ logger });
  harness.intents.set(harness.node(0), () => ({ rank: 5 }));
  await harness.resolve();
  await harness.resolve();
  harness.clock.advance(10_000);
  await harness.resolve();
  expect(harness.topic('hrw.mismatch')).toHaveLength(3);
  const warnings = logger.entries.filter(({ level }) => level === 'warn');
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatchObject({
    message: 'hrw_rank_mismatch',
    fields: { digest: harness.digest, recipient_node: harness.node(0), our_rank: 0, their_rank: 5 },
  });
});

describe('one run per digest', () => {
  it('is shared by all who ask for it', async () => {
    const harness = new CascadeHarness();
    const [a, b] = await harness.settle(
      Promise.all([
        harness.coldStart.resolve(harness.request()),
        harness.coldStart.resolve(harness.request()),
      ]),
    );
    expect(a).toBe(b);
    expect(harness.ranks('please')).toEqual([0]);
    expect(harness.coldStart.running).toBe(0);
    await harness.resolve();
    expect(harness.ranks('please')).toEqual([0, 0]);
  });

  it('runs side by side for different digests', async () => {
    const harness = new CascadeHarness();
    void harness.coldStart.resolve(harness.request());
    void harness.coldStart.resolve(harness.request({ digest: testDigest(2) }));
    expect(harness.coldStart.running).toBe(2);
    await harness.settle(flush());
  });

  it('goes on for the others when one leaves, and ends with the last', async () => {
    const harness = new CascadeHarness();
    let signal: AbortSignal | undefined;
    harness.intents.set(harness.node(0), async (_calls, given) => {
      signal = given;
      return never();
    });
    const [first, second] = [new AbortController(), new AbortController()];
    const a = harness.coldStart.resolve(harness.request({ signal: first.signal }));
    const b = harness.coldStart.resolve(harness.request({ signal: second.signal }));
    await flush();
    first.abort(new Error('first left'));
    await expect(a).rejects.toThrow('first left');
    expect(signal?.aborted).toBe(false);
    second.abort(new Error('second left'));
    await expect(b).rejects.toThrow('second left');
    await flush();
    expect(signal?.aborted).toBe(true);
    expect([harness.coldStart.running, harness.outcomes]).toEqual([0, ['error']]);
    harness.intents.delete(harness.node(0));
    expect(await harness.resolve()).toMatchObject({ how: 'tail' });
  });

  it('has found the object when the last one leaves because it has come by another way', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), never);
    const leaving = new AbortController();
    const resolving = harness.coldStart.resolve(harness.request({ signal: leaving.signal }));
    await flush();
    harness.isStored = true;
    leaving.abort(new Error('it is here'));
    await expect(resolving).rejects.toThrow('it is here');
    await flush();
    expect(harness.outcomes).toEqual(['local_hit']);
  });

  it('does not begin for a caller who has left already', async () => {
    const harness = new CascadeHarness();
    await expect(harness.resolve({ signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left');
    expect(harness.calls).toEqual([]);
  });

  it('ends when the cascade is closed', async () => {
    const harness = new CascadeHarness();
    harness.intents.set(harness.node(0), never);
    const resolving = harness.coldStart.resolve(harness.request());
    await flush();
    harness.coldStart.close(new Error('the agent stops'));
    await expect(resolving).rejects.toThrow('the agent stops');
  });
});

it.each([{ registry: '' }, { repository: '' }])('asks nobody to pull with %o', async (missing) => {
  const harness = new CascadeHarness();
  await expect(harness.resolve(missing)).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
  expect(harness.ranks('please')).toEqual([]);
});

describe('rounds', () => {
  it('accept a second puller when the first gets nowhere, and never a third', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false, coldStartRounds: 5 } });
    const start = harness.clock.now();
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.ranks('please')).toEqual([0, 1]);
    expect(harness.topic('coldstart.repull')).toHaveLength(1);
    expect(harness.clock.now() - start).toBeLessThan(30_000);
  });

  it('do not go back to a node that has declined', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false } });
    harness.pleases.set(harness.node(0), (calls) => ({ outcome: calls === 1 ? 'unspecified' : 'started' }));
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.ranks('please')).toEqual([0, 1, 2]);
  });

  it('count the takeover of a node once, and leave it aside from then on', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false } });
    const startedAt = harness.clock.now() - 60_000;
    harness.intents.set(harness.node(0), () => ({ inFlight: true, startedAt }));
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.ranks('please')).toEqual([1, 2]);
    const taken = harness.topic('coldstart.takeover').map(({ node }) => node);
    expect(taken.filter((node) => node === harness.node(0))).toHaveLength(1);
  });

  it('name the expansion only when the last pass was one', async () => {
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => clusterNode(id));
    const harness = new CascadeHarness({ nodes, settings: { partialTransfer: false } });
    for (const rank of [0, 1, 2]) {
      harness.intents.set(harness.node(rank), async (calls) => {
        if (calls <= 2) throw new Error('unreachable');
        return idle({ rank, hasCached: true });
      });
    }
    harness.intents.set(harness.node(3), () => ({ rank: 3 }));
    expect(await harness.resolve({ kind: 'manifest' })).toMatchObject({ outcome: 'rule2_cache_hit' });
    expect(harness.ranks('please')).toEqual([3]);
    expect(harness.topic('coldstart.expanded')).toEqual([{ reason: 'all_unreachable' }]);
  });

  it('do not begin when the time is over', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false, coldStartBudgetMaxMs: 3_000 } });
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.ranks('intent').filter((rank) => rank === 1)).toHaveLength(1);
  });

  it('end with the budget, whatever seems to go on', async () => {
    const harness = new CascadeHarness({
      settings: { partialTransfer: false, coldStartBudgetMaxMs: 20_000 },
    });
    harness.intents.set(harness.node(0), (calls) => ({
      inFlight: true,
      startedAt: harness.clock.now(),
      progressBytes: calls,
    }));
    const start = harness.clock.now();
    await expect(harness.resolve()).rejects.toMatchObject({ code: 'CASCADE_EXHAUSTED' });
    expect(harness.clock.now() - start).toBeLessThanOrEqual(22_000);
  });

  it('read the health once', async () => {
    const harness = new CascadeHarness({ settings: { partialTransfer: false } });
    let reads = 0;
    Object.defineProperty(harness, 'health', { get: () => (reads += 1) });
    await expect(harness.resolve({ kind: 'manifest' })).rejects.toThrow();
    expect(reads).toBe(1);
  });

  it('do not expand with a factor of 1', async () => {
    const harness = new CascadeHarness({ settings: { expansionFactor: 1 } });
    harness.health = 0;
    await harness.resolve();
    expect(harness.ranks('intent')).toEqual([0, 1, 2]);
    expect(harness.outcomes).toEqual(['rule7_cold_start']);
  });
});

const intents = fc.record({
  hasCached: fc.boolean(),
  inFlight: fc.boolean(),
  startedAgo: fc.option(fc.integer({ min: -10_000, max: 400_000 }), { nil: undefined }),
  rank: fc.integer({ min: -5, max: 9 }),
  recentlyFailed: fc.boolean(),
  failureClass: fc.constantFrom<FailureClass>('', 'auth', 'not_found', 'rate_limited', 'transient'),
  cooldownIn: fc.option(fc.integer({ min: -10_000, max: 900_000 }), { nil: undefined }),
  progressBytes: fc.option(fc.nat(1_000), { nil: undefined }),
  totalBytes: fc.option(fc.nat(), { nil: undefined }),
});
const idleIntents = fc.record({ rank: fc.integer({ min: -1, max: 4 }) });
const replies = fc.oneof(fc.constant('hang' as const), fc.constant('error' as const), idleIntents, intents);
const pleases = fc.constantFrom<PullOutcome | 'hang' | 'error'>(
  'unspecified',
  'already_pulling',
  'started',
  'started',
  'recently_failed',
  'hang',
  'error',
);
const scripts = fc.array(
  fc.record({
    intents: fc.array(replies, { minLength: 1, maxLength: 4 }),
    pleases: fc.array(pleases, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 6, maxLength: 6 },
);

describe('whatever the nodes answer', () => {
  it('a run ends in time with a resolution or a coded error, and accepts at most two pullers', async () => {
    await fc.assert(
      fc.asyncProperty(
        scripts,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('manifest' as const, 'blob' as const),
        async (nodes, health, kind) => {
          const harness = new CascadeHarness({
            nodes: nodes.map((_, index) => clusterNode(`n${index}`)),
            settings: { partialTransfer: false },
          });
          harness.health = health;
          const accepted = new Set<number>();
          nodes.forEach((script, index) => {
            harness.intents.set(`n${index}`, async (calls) =>
              intentOf(script.intents[(calls - 1) % script.intents.length], harness),
            );
            harness.pleases.set(`n${index}`, async (calls) => {
              const outcome = script.pleases[(calls - 1) % script.pleases.length];
              if (outcome === 'hang') return never();
              if (outcome === 'error' || outcome === undefined) throw new Error('reset');
              if (outcome === 'started' || outcome === 'already_pulling') accepted.add(index);
              return { digest: harness.digest, outcome, failureClass: 'transient' };
            });
          });
          const start = harness.clock.now();
          let code: string | undefined;
          try {
            const { how } = await harness.resolve({ kind });
            expect(how).toBe('providers');
          } catch (error) {
            code = errorCode(error) ?? String(error);
            expect(['FAILURE_SHORT_CIRCUIT', 'COOLDOWN_ACTIVE', 'CASCADE_EXHAUSTED']).toContain(code);
          }
          expect(accepted.size).toBeLessThanOrEqual(2);
          expect(harness.topic('coldstart.repull').length).toBeLessThanOrEqual(1);
          expect(harness.outcomes).toHaveLength(1);
          expect(harness.clock.now() - start).toBeLessThan(110_000);
        },
      ),
      { numRuns: 150 },
    );
  });
});

async function intentOf(
  script: 'hang' | 'error' | { readonly rank: number; readonly startedAgo?: number | undefined } | undefined,
  { clock }: CascadeHarness,
): Promise<PullIntent> {
  if (script === 'hang') return never();
  if (script === 'error' || script === undefined) throw new Error('reset');
  const { startedAgo, ...rest } = script;
  const cooldownIn = 'cooldownIn' in rest ? (rest.cooldownIn as number | undefined) : undefined;
  return idle({
    ...rest,
    ...(startedAgo === undefined ? {} : { startedAt: clock.now() - startedAgo }),
    ...(cooldownIn === undefined ? {} : { cooldownUntil: clock.now() + cooldownIn }),
  });
}
