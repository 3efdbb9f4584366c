import { expect, test } from 'vitest';
import { CascadeHarness, flush, never } from '../support/cascade-harness.ts';

const signal = new AbortController().signal;
const nodes = new CascadeHarness().order;

/** A harness of the node with this rank. */
const as = (rank: number): CascadeHarness => new CascadeHarness({ self: nodes[rank] as string });

test('an owner asks those that rank before it, and nobody else', async () => {
  for (const rank of [0, 1, 2]) {
    const harness = as(rank);
    expect(await harness.coldStart.betterPuller(harness.digest, signal)).toBeUndefined();
    expect(harness.ranks('intent')).toEqual(Array.from({ length: rank }, (_, before) => before));
  }
});

test('who is no owner asks all owners', async () => {
  const harness = as(3);
  await harness.coldStart.betterPuller(harness.digest, signal);
  expect(harness.ranks('intent')).toEqual([0, 1, 2]);
});

test('the best of those that pull or have it is named', async () => {
  const harness = as(2);
  harness.intents.set(harness.node(1), () => ({ inFlight: true, startedAt: harness.clock.now() }));
  expect(await harness.coldStart.betterPuller(harness.digest, signal)).toMatchObject({
    nodeId: harness.node(1),
  });
  harness.intents.set(harness.node(0), () => ({ hasCached: true }));
  expect(await harness.coldStart.betterPuller(harness.digest, signal)).toMatchObject({
    nodeId: harness.node(0),
  });
});

test('one that does not answer, fails or has lied is nobody', async () => {
  const harness = as(2);
  harness.intents.set(harness.node(0), () => ({ hasCached: true }));
  harness.useless.add(harness.node(0));
  harness.intents.set(harness.node(1), never);
  const puller = harness.coldStart.betterPuller(harness.digest, signal);
  await flush();
  harness.clock.advance(2_000);
  expect(await puller).toBeUndefined();
});

test('the signal ends it', async () => {
  const harness = as(1);
  const end = new AbortController();
  harness.intents.set(harness.node(0), async () => {
    end.abort(new Error('the pull has ended'));
    return never();
  });
  await expect(harness.coldStart.betterPuller(harness.digest, end.signal)).rejects.toThrow(
    'the pull has ended',
  );
});
