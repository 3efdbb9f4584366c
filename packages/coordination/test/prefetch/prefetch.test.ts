import { EventBus, silentLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { order } from '../../src/election/hrw.ts';
import { coordinationErrors } from '../../src/errors.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import type { Coordinator, OpenObject } from '../../src/parts.ts';
import { JobQueue } from '../../src/prefetch/job-queue.ts';
import { LocalPrefetch } from '../../src/prefetch/local-prefetch.ts';
import type { DetachedCopy } from '../../src/prefetch/local-prefetch.ts';
import { Prefetch } from '../../src/prefetch/prefetch.ts';
import type { PrefetchParts } from '../../src/prefetch/prefetch.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import type { Digest } from '../../src/types.ts';
import { flush, never, settleOn, TestMembers } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { testDigest } from '../support/vectors.ts';

const MANIFEST = testDigest(900);
const SOURCE = { registry: 'hub', repository: 'library/test', digest: MANIFEST };
const LAYERS = [1, 2, 3, 4, 5, 6].map(testDigest);
const NODES = ['n0', 'n1', 'n2', 'n3'].map((id) => clusterNode(id));

class Store {
  readonly stored = new Map<Digest, Uint8Array>();
  closed = 0;
  size: number | undefined;

  constructor(layers: readonly Digest[] = LAYERS) {
    const body = JSON.stringify({ layers: layers.map((digest) => ({ digest, size: 10 })) });
    this.stored.set(MANIFEST, new TextEncoder().encode(body));
  }

  async has(digest: Digest): Promise<boolean> {
    return this.stored.has(digest);
  }

  async open(digest: Digest): Promise<OpenObject> {
    const body = this.stored.get(digest);
    if (body === undefined) throw coordinationErrors.create('CONTENT_NOT_FOUND', 'not here');
    const close = (): void => void (this.closed += 1);
    async function* read(): AsyncGenerator<Uint8Array> {
      try {
        yield body as Uint8Array;
      } finally {
        close();
      }
    }
    return { size: this.size ?? body.length, body: read() };
  }
}

function setUp(changes: Partial<PrefetchParts> & { readonly self?: string } = {}): {
  prefetch: Prefetch;
  clock: ManualClock;
  sent: { target: string; digests: readonly Digest[]; kind: string }[];
  published: { topic: string; payload: unknown }[];
} {
  const clock = new ManualClock();
  const sent: { target: string; digests: readonly Digest[]; kind: string }[] = [];
  const published: { topic: string; payload: unknown }[] = [];
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => {
      throw error;
    },
  });
  events.on('*', (event) => published.push(event));
  const prefetch = new Prefetch({
    coordinator: {
      pullIntent: never,
      pleasePull: async (target, { kind }, digests) => {
        sent.push({ target, digests, kind });
        return [];
      },
    },
    local: {
      localPullIntent: never,
      startLocalPull: async ({ kind, trigger }, digests) => {
        sent.push({ target: trigger, digests, kind });
        return [];
      },
    },
    members: new TestMembers(changes.self ?? (order(NODES, MANIFEST)[0]?.id as string), NODES),
    store: new Store(),
    clock,
    timers: clock,
    random: seededRandom(1),
    logger: silentLogger,
    events,
    options: DEFAULT_COORDINATION_SETTINGS,
    ...changes,
  });
  return { prefetch, clock, sent, published };
}

const asked = (sent: readonly { readonly digests: readonly Digest[] }[]): Digest[] =>
  sent.flatMap(({ digests }) => [...digests]).toSorted();

describe('prefetch of a manifest', () => {
  it('asks the owners of the missing children, once a minute at most', async () => {
    const store = new Store();
    store.stored.set(LAYERS[0] as Digest, new Uint8Array(1));
    const learned: Digest[] = [];
    const descriptors = { learn: (digest: Digest) => void learned.push(digest) };
    const { prefetch, clock, sent, published } = setUp({ store, descriptors });
    expect(prefetch.offer(SOURCE)).toBe('accepted');
    expect(prefetch.offer(SOURCE)).toBe('recent');
    await flush();
    expect(asked(sent)).toEqual(LAYERS.slice(1));
    expect(sent.some(({ target }) => target === 'prefetch')).toBe(true);
    expect(learned).toEqual(LAYERS);
    expect(published).toMatchObject([{ topic: 'prefetch.sent', payload: { digests: 5, failedGroups: 0 } }]);
    expect(prefetch.jobs).toBe(0);
    clock.advance(60_000);
    expect(prefetch.offer(SOURCE)).toBe('accepted');
  });

  it('waits on the backups of the coordinator', async () => {
    const self = order(NODES, MANIFEST)[2]?.id as string;
    const { prefetch, clock, sent } = setUp({ self, random: { ...seededRandom(1), fraction: () => 0.5 } });
    prefetch.offer(SOURCE);
    await flush();
    clock.advance(999);
    await flush();
    expect(sent).toEqual([]);
    clock.advance(1);
    await flush();
    expect(asked(sent)).toEqual(LAYERS);
  });

  it('is left to the best nodes of the manifest', () => {
    const nodes = Array.from({ length: 9 }, (_, index) => clusterNode(`m${index}`));
    const self = order(nodes, MANIFEST)[3]?.id as string;
    const { prefetch } = setUp({ members: new TestMembers(self, nodes) });
    expect(prefetch.offer(SOURCE)).toBe('left-to-others');
  });

  it('does nothing about a manifest that is gone, too large or malformed', async () => {
    const gone = new Store();
    gone.stored.clear();
    const large = new Store();
    large.size = 4_194_304;
    const lying = new Store();
    const valid = lying.stored.get(MANIFEST) as Uint8Array;
    lying.stored.set(MANIFEST, Buffer.concat([valid, Buffer.alloc(4_194_304, ' ')]));
    lying.size = 100;
    const malformed = new Store();
    malformed.stored.set(MANIFEST, new Uint8Array([123]));
    for (const store of [gone, large, lying, malformed]) {
      const { prefetch, sent, published } = setUp({ store });
      prefetch.offer(SOURCE);
      await flush();
      expect([sent, published, prefetch.jobs]).toEqual([[], [], 0]);
    }
    expect(large.closed).toBe(1);
  });

  it('looks at 4096 children of a manifest at most', async () => {
    const layers = Array.from({ length: 4_100 }, (_, number) => testDigest(10_000 + number));
    const { prefetch, sent } = setUp({ store: new Store(layers) });
    prefetch.offer(SOURCE);
    await expect.poll(() => prefetch.jobs).toBe(0);
    expect(asked(sent)).toEqual(layers.slice(0, 4_096));
  });

  it('drops the oldest job when too many wait', async () => {
    const { prefetch, published } = setUp({ store: { has: never, open: never } });
    for (let number = 0; number < 20; number++) {
      prefetch.offer({ ...SOURCE, digest: testDigest(1_000 + number) });
      await flush();
    }
    expect(prefetch.jobs).toBe(16);
    expect(published.map(({ payload }) => payload)).toEqual(
      [8, 9, 10, 11].map((number) => ({ manifest: testDigest(1_000 + number) })),
    );
    expect(prefetch.offer({ ...SOURCE, digest: testDigest(1_008) })).toBe('accepted');
  });

  it('ends a job after thirty seconds', async () => {
    const { prefetch, clock } = setUp({ store: { has: never, open: never } });
    prefetch.offer(SOURCE);
    await flush();
    clock.advance(29_999);
    await flush();
    expect(prefetch.jobs).toBe(1);
    clock.advance(1);
    await flush();
    expect(prefetch.jobs).toBe(0);
  });

  it('stops', async () => {
    const { prefetch } = setUp({ store: { has: never, open: never } });
    prefetch.offer(SOURCE);
    await prefetch.stop();
    expect([prefetch.jobs, prefetch.offer(SOURCE)]).toEqual([0, 'stopped']);
  });
});

describe('sending', () => {
  const children = LAYERS.map((digest) => ({ digest, kind: 'blob' as const }));

  it('needs a registry and a repository', async () => {
    const { prefetch, sent } = setUp();
    for (const nothing of [{ registry: '' }, { repository: '' }]) {
      await expect(prefetch.send({ ...SOURCE, ...nothing }, children)).rejects.toMatchObject({
        code: 'PREFETCH_INVALID',
      });
    }
    expect(sent).toEqual([]);
  });

  it('asks everybody before it tells of a failure, and gives each two seconds', async () => {
    const sent: string[] = [];
    const coordinator: Coordinator = {
      pullIntent: never,
      pleasePull: async (target) => {
        sent.push(target);
        return sent.length === 1 ? never() : [];
      },
    };
    const { prefetch, clock, published } = setUp({ coordinator, self: 'outside' });
    const owners = new Set(LAYERS.map((digest) => order(NODES, digest)[0]?.id));
    await expect(settleOn(clock, prefetch.send(SOURCE, children))).rejects.toMatchObject({
      code: 'PREFETCH_PARTIAL',
      details: { failedGroups: 1 },
    });
    expect(new Set(sent)).toEqual(owners);
    expect(published).toMatchObject([{ payload: { failedGroups: 1 } }]);
  });

  it('ends with the signal', async () => {
    const { prefetch, published } = setUp({ coordinator: { pullIntent: never, pleasePull: never } });
    const abort = new AbortController();
    const sending = prefetch.send(SOURCE, children, abort.signal);
    await flush();
    abort.abort(new Error('the job took too long'));
    await expect(sending).rejects.toThrow('the job took too long');
    expect(published).toEqual([]);
  });

  it('lets others have their turn while it elects owners in a large cluster', async () => {
    const members = new TestMembers(
      'outside',
      Array.from({ length: 5_000 }, (_, index) => clusterNode(`m${index}`)),
    );
    const clock = new ManualClock();
    let yields = 0;
    clock.yield = async () => void (yields += 1);
    const { prefetch, sent } = setUp({ members, timers: clock, clock });
    await prefetch.send(SOURCE, children);
    expect(yields).toBe(3);
    expect(asked(sent)).toEqual(LAYERS);
  });

  it('sends no more digests at once than a request may have', async () => {
    const many = Array.from({ length: 300 }, (_, number) => ({
      digest: testDigest(number),
      kind: 'blob' as const,
    }));
    const { prefetch, sent } = setUp({ members: new TestMembers('outside', [clusterNode('only')]) });
    await prefetch.send(SOURCE, many);
    expect(sent.map(({ digests }) => digests.length)).toEqual([256, 44]);
  });

  it('has no more groups in flight than it may', async () => {
    const state = { running: 0, most: 0 };
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const coordinator: Coordinator = {
      pullIntent: never,
      pleasePull: async () => {
        state.running += 1;
        state.most = Math.max(state.most, state.running);
        await gate;
        state.running -= 1;
        return [];
      },
    };
    const options = { ...DEFAULT_COORDINATION_SETTINGS, prefetchMaxGroups: 2 };
    const { prefetch } = setUp({ coordinator, options, self: 'outside' });
    const both = Promise.all([
      prefetch.send(SOURCE, children),
      prefetch.send(
        SOURCE,
        children.map(({ digest }) => ({ digest, kind: 'config' as const })),
      ),
    ]);
    await flush();
    expect(state.running).toBe(2);
    open();
    await both;
    expect(state.most).toBe(2);
  });
});

describe('local prefetch', () => {
  function local(
    store: Store,
    copy: (copy: DetachedCopy) => Promise<void>,
    isOn = true,
  ): {
    prefetch: LocalPrefetch;
    clock: ManualClock;
  } {
    const clock = new ManualClock();
    const options = { localPrefetch: isOn, localPrefetchConcurrency: 3 };
    const parts = { self: () => 'n0', copy, store, timers: clock, logger: silentLogger, options };
    return { prefetch: new LocalPrefetch(parts), clock };
  }

  it('copies what is missing, three at a time, after the owners have been asked', async () => {
    const store = new Store();
    store.stored.set(LAYERS[0] as Digest, new Uint8Array(1));
    const started: Digest[] = [];
    const ends: (() => void)[] = [];
    const { prefetch, clock } = local(store, async ({ digest }) => {
      started.push(digest);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (started.length === 4) throw new Error('gone');
    });
    expect([prefetch.offer(SOURCE), prefetch.offer(SOURCE)]).toEqual([true, false]);
    await flush();
    clock.advance(1_999);
    await flush();
    expect(started).toEqual([]);
    clock.advance(1);
    await flush();
    expect(started).toHaveLength(3);
    ends[0]?.();
    await flush();
    expect(started).toHaveLength(4);
    for (let count = 0; count < 5; count++) {
      for (const end of ends) end();
      await flush();
    }
    expect(started.toSorted()).toEqual(LAYERS.slice(1));
    expect(prefetch.offer(SOURCE)).toBe(true);
  });

  it('does nothing when it is switched off', () => {
    expect(local(new Store(), never, false).prefetch.offer(SOURCE)).toBe(false);
  });

  it('stops: waiting copies are not begun', async () => {
    const started: Digest[] = [];
    const { prefetch, clock } = local(new Store(), async ({ digest, signal }) => {
      started.push(digest);
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    });
    prefetch.offer(SOURCE);
    await flush();
    clock.advance(2_000);
    await flush();
    await prefetch.stop();
    expect(started).toHaveLength(3);
    expect(prefetch.offer(SOURCE)).toBe(false);
  });
});

describe('the job queue', () => {
  it('drains: what waits is dropped, what runs is waited for', async () => {
    const queue = new JobQueue({ maxRunning: 1, maxWaiting: 5 });
    const dropped: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.add(
      async () => promise,
      () => dropped.push(0),
    );
    queue.add(never, () => dropped.push(1));
    const drained = queue.drain();
    expect([queue.running, queue.waiting, dropped]).toEqual([1, 0, [1]]);
    resolve();
    await drained;
    await queue.drain();
    expect(queue.running).toBe(0);
  });
});
