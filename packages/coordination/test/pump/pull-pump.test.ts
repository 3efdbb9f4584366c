import { describe, expect, it } from 'vitest';
import { originError } from '../../src/origin/failure.ts';
import type { Digest, PumpAnswer } from '../../src/types.ts';
import { pumpFixture } from '../support/pump-fixture.ts';
import { patternBytes, readObject } from '../support/store-contract.ts';

const CONTENT = patternBytes(300_000);
const COOLDOWN_MS = 10_000;

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

function eventsOf(published: readonly { topic: string }[]): string[] {
  return published.map(({ topic }) => topic).filter((topic) => topic !== 'origin.bytes');
}

describe('decisions of the pump', () => {
  it('starts a pull, answers with its start to all who ask meanwhile, and stores what it read', async () => {
    const { pull, pump, job, origin, clock, inflight, store, negative } = await pumpFixture();
    const digest = origin.add(CONTENT);
    const held = gate();
    origin.gate = held.promise;
    const { answer, end } = await pull(digest);
    const startedAt = clock.now();
    expect(answer).toEqual({ kind: 'started', startedAt });
    clock.advance(2_000);
    expect(await pump(job(digest))).toEqual({ kind: 'already', startedAt });
    expect(inflight.lookup(digest, clock.now())).toMatchObject({ startedAt, isQueued: false });
    held.open();
    expect(await end).toBe('origin');
    expect(inflight.lookup(digest, clock.now())).toBeUndefined();
    expect((await readObject(store, digest)).equals(CONTENT)).toBe(true);
    expect(await pump(job(digest))).toEqual({ kind: 'already', startedAt: clock.now() });
    expect(origin.opened).toHaveLength(1);
    expect(negative.lookup(digest, clock.now())).toBeUndefined();
  });

  it('never starts two pulls for those who ask at the same instant', async () => {
    const { pump, job, origin, agent } = await pumpFixture();
    const digest = origin.add(CONTENT);
    const answers = await Promise.all(Array.from({ length: 20 }, async () => pump(job(digest))));
    expect(answers.filter(({ kind }) => kind === 'started')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'already')).toHaveLength(19);
    await agent.follow(digest);
    expect(origin.opened).toHaveLength(1);
  });

  it('looks into the negative cache first, even for what is stored', async () => {
    const { pump, pull, job, origin, negative, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    await (
      await pull(digest)
    ).end;
    const entry = negative.fail(digest, 'auth', clock.now());
    expect(await pump(job(digest))).toEqual({ kind: 'failed', entry });
    clock.advance(COOLDOWN_MS + 1);
    expect((await pump(job(digest))).kind).toBe('already');
  });

  it.each([
    ['unknown', 'lib/n'],
    ['hub', ''],
    ['hub', '../secret'],
    ['hub', 'a/%2e%2e/b'],
    ['hub', 'a?x=1'],
    ['hub', 'UPPER'],
    ['hub', 'a'.repeat(256)],
  ])('declines the registry %j with the repository %j', async (registry, repository) => {
    const { pump, job, origin, inflight, logger } = await pumpFixture();
    const digest = origin.add(CONTENT);
    for (let time = 0; time < 5; time++) {
      expect(await pump(job(digest, { registry, repository }))).toEqual({ kind: 'declined' });
    }
    expect(inflight.length).toBe(0);
    expect(origin.opened).toHaveLength(0);
    expect(logger.entries.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('pulls when the store does not say in time what it has', async () => {
    const { pump, job, origin, store, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    let asked = 0;
    store.has = async () => {
      asked += 1;
      return asked === 1 ? new Promise(() => {}) : false;
    };
    const answer = pump(job(digest));
    await Promise.resolve();
    clock.advance(100);
    expect((await answer).kind).toBe('started');
  });
});

describe('slots and queue', () => {
  it('runs 16, queues 64, declines the rest without a trace, and starts the queued ones in turn', async () => {
    const { pump, job, origin, agent, inflight, clock } = await pumpFixture();
    const held = gate();
    origin.gate = held.promise;
    const digests = Array.from({ length: 90 }, (_, index) => origin.add(Buffer.from(`object ${index}`)));
    const answers: PumpAnswer[] = [];
    for (const digest of digests) answers.push(await pump(job(digest)));
    expect(answers.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 80 }, () => 'started'),
      ...Array.from({ length: 10 }, () => 'declined'),
    ]);
    expect(agent.load).toEqual({ running: 16, waiting: 64 });
    expect(inflight.length).toBe(80);
    await expect.poll(() => origin.opened.length).toBe(16);

    clock.advance(60_000);
    const queued = digests[20] as Digest;
    expect(inflight.lookup(queued, clock.now())).toMatchObject({ isQueued: true, startedAt: clock.now() });
    const ends = Promise.all(digests.slice(0, 80).map(async (digest) => agent.follow(digest)));
    held.open();
    await ends;
    await expect.poll(() => agent.load).toEqual({ running: 0, waiting: 0 });
    expect(origin.opened).toHaveLength(80);
    expect(inflight.length).toBe(0);
  });

  it('takes who is waited for before prefetches, and small before large', async () => {
    const { pump, job, origin, agent, descriptors } = await pumpFixture({
      options: { maxConcurrentPulls: 1 },
    });
    const held = gate();
    origin.gate = held.promise;
    const [first, prefetched, large, small, urged] = ['f', 'p', 'l', 's', 'u'].map((text) =>
      origin.add(Buffer.from(text)),
    ) as [Digest, Digest, Digest, Digest, Digest];
    descriptors.learn(large, { size: 1 });
    descriptors.learn(small, { size: 1, kind: 'config' });
    await pump(job(first));
    await pump(job(prefetched, { trigger: 'prefetch', kind: 'manifest' }));
    await pump(job(urged, { trigger: 'prefetch', kind: 'manifest' }));
    await pump(job(large));
    await pump(job(small));
    expect((await pump(job(urged, { trigger: 'mirror' }))).kind).toBe('already');
    const last = agent.follow(prefetched);
    held.open();
    await last;
    expect(origin.opened.map(({ digest }) => digest)).toEqual([first, urged, small, large, prefetched]);
    expect(origin.opened[2]?.kind).toBe('config');
  });

  it('reports a queued pull to start when its turn has come', async () => {
    const { pump, job, origin, agent, inflight, clock } = await pumpFixture({
      options: { maxConcurrentPulls: 1 },
    });
    const first = gate();
    origin.gate = first.promise;
    const running = origin.add(Buffer.from('running'));
    const queued = origin.add(Buffer.from('queued'));
    await pump(job(running));
    await pump(job(queued));
    await expect.poll(() => origin.opened.length).toBe(1);
    clock.advance(7_000);
    const startedAt = clock.now();
    const second = gate();
    origin.gate = second.promise;
    first.open();
    await expect.poll(() => origin.opened.length).toBe(2);
    clock.advance(1_000);
    expect(inflight.lookup(queued, clock.now())).toMatchObject({ startedAt, isQueued: false });
    const end = agent.follow(queued);
    second.open();
    expect(await end).toBe('origin');
  });

  it('does not go to the origin for what has arrived while the pull was queued', async () => {
    const { pump, job, origin, agent, store } = await pumpFixture({ options: { maxConcurrentPulls: 1 } });
    const held = gate();
    origin.gate = held.promise;
    const first = origin.add(Buffer.from('first'));
    const second = origin.add(CONTENT);
    await pump(job(first));
    await pump(job(second));
    const end = agent.follow(second);
    const writer = await store.writer(second);
    await writer.write(CONTENT);
    await writer.commit();
    held.open();
    expect(await end).toBe('present');
    expect(origin.opened.map(({ digest }) => digest)).toEqual([first]);
  });
});

describe('counting (15.6)', () => {
  it('total is success and failure and running, whatever happens', async () => {
    const { pull, origin, published, clock, agent } = await pumpFixture();
    const counts = { started: 0, ended: 0 };
    const check = (running: number): void => {
      counts.started = published.filter(({ topic }) => topic === 'origin.started').length;
      counts.ended = published.filter(({ topic }) => /succeeded|failed/.test(topic)).length;
      expect(counts.started - counts.ended).toBe(running);
    };
    const held = gate();
    const good = origin.add(CONTENT);
    origin.gate = held.promise;
    const { end } = await pull(good);
    await expect.poll(() => origin.opened.length).toBe(1);
    check(1);
    held.open();
    await end;
    check(0);
    for (const failureClass of ['auth', 'not_found', 'rate_limited', 'transient'] as const) {
      origin.failure = { failureClass };
      const digest = origin.add(Buffer.from(failureClass));
      await (
        await pull(digest)
      ).end;
      check(0);
      expect(published.at(-1)?.payload).toEqual({ digest, kind: 'blob', failureClass, isOriginSide: true });
    }
    origin.failure = undefined;
    origin.gate = new Promise(() => {});
    const stuck = await pull(origin.add(Buffer.from('stuck')));
    await expect.poll(() => origin.opened.length).toBe(6);
    check(1);
    const stopping = agent.stop(1_000);
    await Promise.resolve();
    clock.advance(1_000);
    await stopping;
    expect(await stuck.end).toBe('SHUTTING_DOWN');
    check(0);
  });

  it('tells of a success with bytes, time and trigger', async () => {
    const { pull, origin, published, logger } = await pumpFixture();
    const digest = origin.add(CONTENT);
    await (
      await pull(digest, { trigger: 'fallback' })
    ).end;
    expect(eventsOf(published)).toEqual(['origin.started', 'origin.succeeded']);
    expect(published.at(-1)?.payload).toEqual({
      digest,
      kind: 'blob',
      bytes: 300_000,
      ms: 0,
      trigger: 'fallback',
    });
    const lines = logger.entries.filter(({ level }) => level === 'info');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.fields).toMatchObject({ digest, registry: 'hub', repository: 'lib/n', bytes: 300_000 });
  });

  it('holds a failure after the first byte against nobody but this attempt', async () => {
    const { pull, origin, published, negative, clock, inflight, downloads } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.distort = async function* (body) {
      yield body.subarray(0, 1_000);
      throw originError(
        { registry: 'hub', repository: 'r', digest, kind: 'blob' },
        { failureClass: 'auth', status: 403 },
        'x',
      );
    };
    expect(await (await pull(digest)).end).toBe('ORIGIN_FAILED');
    const failure = { digest, kind: 'blob', failureClass: 'transient', isOriginSide: false };
    expect(published.at(-1)).toMatchObject({ topic: 'origin.failed', payload: failure });
    expect(negative.lookup(digest, clock.now())).toMatchObject({
      failureClass: 'transient',
      failureCount: 1,
    });
    expect(inflight.length).toBe(0);
    expect(downloads.list()).toEqual([]);
  });

  it('keeps Retry-After for the cool-down, and leaves the cache alone for its own limit', async () => {
    const { pull, origin, negative, clock, published } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.failure = { failureClass: 'rate_limited', retryAfterMs: 123_000 };
    await (
      await pull(digest)
    ).end;
    expect(negative.lookup(digest, clock.now())?.cooldownUntil).toBe(clock.now() + 123_000);
    const other = origin.add(Buffer.from('other'));
    origin.failure = { failureClass: 'rate_limited', isLocal: true };
    await (
      await pull(other)
    ).end;
    expect(negative.lookup(other, clock.now())).toBeUndefined();
    expect(published.at(-1)?.payload).toMatchObject({ isOriginSide: false, failureClass: 'transient' });
  });

  it('climbs the ladder with every attempt, and starts anew after a success', async () => {
    const { pull, origin, negative, clock } = await pumpFixture();
    const digest = origin.add(CONTENT);
    origin.failure = { failureClass: 'transient' };
    for (const cooldownMs of [10_000, 30_000, 90_000]) {
      await (
        await pull(digest)
      ).end;
      expect(negative.lookup(digest, clock.now())?.cooldownUntil).toBe(clock.now() + cooldownMs);
      clock.advance(cooldownMs + 1);
    }
    origin.failure = undefined;
    expect(await (await pull(digest)).end).toBe('origin');
    expect(negative.length).toBe(0);
  });
});
