import { EventBus, recordingLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { expect, test } from 'vitest';
import { Advertiser } from '../../src/advertise/advertiser.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import { MemberView } from '../../src/members/member-view.ts';
import type { SourceEvent } from '../../src/source/content-source.ts';
import type { ClusterNode, Digest } from '../../src/types.ts';
import { testDigest } from '../support/vectors.ts';

const HOUR = 3_600_000;
const node = (id: string): ClusterNode => ({ id, addr: '', zone: '', peerId: `p-${id}`, p2pAddrs: [] });

function setUp(options: { withSource?: boolean } = {}) {
  const clock = new ManualClock();
  const held = new Set<Digest>();
  const provided: { digest: Digest; op: string; timeoutMs: number }[] = [];
  const withdrawn: Digest[] = [];
  const listeners = new Set<(digest: Digest) => void>();
  const state = { fails: false, gate: undefined as Promise<void> | undefined };
  const discovery = {
    async provide(digest: Digest, { op, timeoutMs }: { op: string; timeoutMs: number }) {
      provided.push({ digest, op, timeoutMs });
      await state.gate;
      if (state.fails) throw new Error('no table');
      for (const listener of listeners) listener(digest);
    },
    async withdraw(digest: Digest) {
      withdrawn.push(digest);
    },
    onProvided(listener: (digest: Digest) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const view = new MemberView();
  const external: { digests: Digest[] | undefined; tell: (event: SourceEvent) => void } = {
    digests: [],
    tell: () => undefined,
  };
  const source = {
    has: async (digest: Digest) =>
      (external.digests?.includes(digest) === true ? 'present' : 'absent') as 'present',
    inventory: async () => external.digests,
    subscribe(listener: (event: SourceEvent) => void) {
      external.tell = listener;
      return () => undefined;
    },
  };
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => expect.unreachable(String(error)),
  });
  const reconciled: CoordinationEvents['advertise.reconciled'][] = [];
  events.on('advertise.reconciled', ({ payload }) => void reconciled.push(payload));
  const advertiser = new Advertiser({
    store: {
      has: async (digest) => held.has(digest),
      inventory: () => [...held].map((digest) => ({ digest, size: 1 })),
    },
    discovery,
    source: options.withSource === true ? source : undefined,
    members: {
      self: () => 'me',
      snapshot: () => view.ready,
      onChange: (listener) => view.onChange(listener),
    },
    clock,
    timers: clock,
    random: seededRandom(3),
    logger: recordingLogger(),
    events,
    options: { provideConcurrency: 16, reprovideAfterMs: 12 * HOUR, reconcileIntervalMs: 60_000 },
  });
  const provide = (digest: Digest): void => listeners.forEach((listener) => listener(digest));
  return { clock, held, provided, withdrawn, state, view, external, reconciled, advertiser, provide };
}

test('announces everything at the start, in the order of the store, sixteen at once', async () => {
  const { held, provided, state, advertiser } = setUp();
  for (let index = 0; index < 40; index += 1) held.add(testDigest(index));
  const { promise, resolve } = Promise.withResolvers<void>();
  state.gate = promise;
  advertiser.start();
  await expect.poll(() => provided.length).toBe(16);
  resolve();
  await expect.poll(() => advertiser.announced).toBe(40);
  expect(provided.map(({ digest }) => digest)).toEqual([...held]);
  expect(provided[0]).toMatchObject({ op: 'cache_reannounce', timeoutMs: 5_000 });
  await advertiser.stop();
});

test('what others have announced meanwhile is not announced again; what has gone is withdrawn', async () => {
  const { clock, held, provided, withdrawn, reconciled, advertiser, provide } = setUp();
  advertiser.start();
  await expect.poll(() => reconciled.length).toBe(1);
  held.add(testDigest(1));
  provide(testDigest(1));
  held.add(testDigest(2));
  clock.advance(60_000);
  await expect.poll(() => advertiser.announced).toBe(2);
  expect(provided).toEqual([{ digest: testDigest(2), op: 'reconcile', timeoutMs: 30_000 }]);
  held.delete(testDigest(1));
  clock.advance(60_000);
  await expect.poll(() => withdrawn).toEqual([testDigest(1)]);
  expect(reconciled.map(({ added, removed }) => [added, removed])).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
  ]);
  await advertiser.withdraw(testDigest(2));
  await advertiser.withdraw(testDigest(2));
  expect(withdrawn).toEqual([testDigest(1), testDigest(2)]);
  expect(advertiser.announced).toBe(0);
  await advertiser.stop();
});

test('failures stay in the line and are tried again', async () => {
  const { clock, held, provided, state, advertiser } = setUp();
  held.add(testDigest(1));
  state.fails = true;
  advertiser.start();
  await expect.poll(() => provided.length).toBe(1);
  await expect.poll(() => advertiser.pending).toBe(1);
  state.fails = false;
  clock.advance(4_000);
  expect(provided).toHaveLength(1);
  clock.advance(1_000);
  await expect.poll(() => advertiser.announced).toBe(1);
  await advertiser.stop();
});

test('old announcements are renewed, and everything after churn', async () => {
  const { clock, held, provided, view, advertiser } = setUp();
  const nodes = ['me', 'a', 'b', 'c', 'd'].map(node);
  view.replace({ ready: nodes, bootstrap: [], running: 5 });
  held.add(testDigest(1));
  advertiser.start();
  await expect.poll(() => advertiser.announced).toBe(1);
  clock.advance(12 * HOUR + 60_000);
  await expect.poll(() => provided.length).toBe(2);
  expect(provided[1]?.op).toBe('reprovide');
  view.replace({ ready: nodes.slice(0, 4), bootstrap: [], running: 4 });
  await Promise.resolve();
  clock.advance(660_000);
  await expect.poll(() => provided.length).toBe(3);
  await advertiser.stop();
});

test('a source that cannot say keeps its share; what it tells of is announced if it is there', async () => {
  const { clock, provided, withdrawn, external, reconciled, advertiser } = setUp({ withSource: true });
  external.digests = [testDigest(1)];
  advertiser.start();
  await expect.poll(() => advertiser.announced).toBe(1);
  external.digests = undefined;
  clock.advance(60_000);
  await expect.poll(() => reconciled.length).toBe(2);
  expect(withdrawn).toEqual([]);
  external.digests = [testDigest(1), testDigest(2)];
  external.tell({ kind: 'added', digests: [testDigest(2), testDigest(3)] });
  await expect.poll(() => provided.map(({ digest }) => digest)).toEqual([testDigest(1), testDigest(2)]);
  external.digests = [];
  external.tell({ kind: 'reconnected' });
  await expect.poll(() => withdrawn.length).toBe(2);
  await advertiser.stop();
});
