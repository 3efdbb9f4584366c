import { afterEach, describe, expect, it } from 'vitest';
import { coordinationErrors } from '../../src/errors.ts';
import { originError } from '../../src/origin/failure.ts';
import { classifyFailure } from '../../src/sessions/failure.ts';
import {
  refusing,
  serving,
  startPeer,
  startSessions,
  type PeerAnswer,
  type SessionHarness,
  type TestPeer,
} from '../support/session-harness.ts';
import { collect, content, published, put } from '../support/transfer-harness.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(options: Parameters<typeof startSessions>[0] = {}): Promise<SessionHarness> {
  const harness = await startSessions(options);
  cleanups.push(harness.close);
  return harness;
}

async function peer(nodeId: string, ...answers: PeerAnswer[]): Promise<TestPeer> {
  const result = await startPeer(nodeId, ...answers);
  cleanups.push(result.close);
  return result;
}

const { bytes, digest } = content(3_000_000);
const request = { digest, kind: 'blob', registry: 'hub', repository: 'library/test' } as const;
const outcomes = (harness: SessionHarness): readonly string[] =>
  published(harness.node, 'peer.fetched').map(({ outcome }) => outcome);

describe('FetchSessions', () => {
  it('many readers, one download, and the object is offered to others afterwards', async () => {
    const harness = await start();
    const one = await peer('n1', serving(bytes));
    harness.lookups = [[one.provider]];
    const bodies = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const session = harness.sessions.fetch({ ...request, repository: `repository/${index}` });
        return collect(session.read(index % 2 === 0 ? undefined : { start: 2_900_000 }));
      }),
    );
    for (const [index, body] of bodies.entries()) {
      expect(body.equals(index % 2 === 0 ? bytes : bytes.subarray(2_900_000))).toBe(true);
    }
    expect(one.requests).toHaveLength(1);
    expect(one.requests[0]?.headers).toMatchObject({ 'gantry-mirrored': '1', 'gantry-node': 'n0' });
    expect(await harness.node.store.has(digest)).toBe(true);
    await expect.poll(() => harness.provided).toEqual([digest]);
    expect(harness.sessions.list()).toHaveLength(0);
    expect(harness.cascades).toHaveLength(0);
    expect(outcomes(harness)).toEqual(['hit']);
  });

  it('goes on at the offset with another source, also with one that does no ranges', async () => {
    const harness = await start();
    const first = await peer('n1', serving(bytes, { cutAfter: 1_500_000 }), refusing(404));
    const second = await peer('n2', serving(bytes, { ignoresRange: true }));
    harness.lookups = [[first.provider], [second.provider]];
    const body = await collect(harness.sessions.fetch(request).read());
    expect(body.equals(bytes)).toBe(true);
    expect(second.requests[0]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(outcomes(harness)).toEqual(['stall', 'hit']);
  });

  it('a peer that answers "not found" is not asked again, and the cascade runs', async () => {
    const harness = await start();
    const stale = await peer('n1', refusing(404));
    const good = await peer('n2', serving(bytes));
    harness.lookups = [[stale.provider]];
    harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2' })];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(harness.suppression.isSuppressed(digest, stale.provider)).toBe(true);
    expect(stale.requests).toHaveLength(1);
    expect(harness.cascades).toHaveLength(1);

    // Lookups that go on naming it count as empty from now on.
    const again = content(100, 5);
    harness.suppression.table.add(again.digest, stale.provider, 'not_found', harness.node.clock.monotonic());
    await expect(harness.sessions.fetch({ ...request, digest: again.digest }).done).rejects.toMatchObject({
      code: 'CASCADE_EXHAUSTED',
    });
    expect(stale.requests).toHaveLength(1);
    expect(published(harness.node, 'provider.stale-only')).toHaveLength(1);
  });

  it('wrong bytes reach nobody whole, their sender is left out, and the next one is asked', async () => {
    const harness = await start();
    const wrong = Buffer.from(bytes);
    wrong[2_999_999] = (wrong[2_999_999] ?? 0) ^ 1;
    const liar = await peer('n1', serving(wrong));
    const good = await peer('n2', serving(bytes));
    harness.lookups = [[liar.provider], [good.provider]];
    harness.health = 0.5;
    harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2' })];
    const session = harness.sessions.fetch(request);
    let received = 0;
    const reading = (async () => {
      for await (const chunk of session.read()) received += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(received).toBeLessThan(bytes.length);
    await session.done;
    expect(await harness.node.store.has(digest)).toBe(true);
    expect(outcomes(harness)).toEqual(['digest_mismatch', 'hit']);
    expect(harness.suppression.isSuppressed(content(1, 9).digest, liar.provider)).toBe(true);
  });

  it('after a mismatch of several sources it begins again with one', async () => {
    const harness = await start();
    const wrong = Buffer.from(bytes);
    wrong[10] = (wrong[10] ?? 0) ^ 1;
    const liar = await peer('n1', serving(wrong, { cutAfter: 1_000_000 }), refusing(404));
    const good = await peer('n2', serving(bytes));
    harness.lookups = [[liar.provider], [good.provider]];
    const session = harness.sessions.fetch(request);
    await session.done;
    expect(good.requests.map(({ headers }) => headers.range ?? 'whole').at(-1)).toBe('whole');
    expect(harness.suppression.isSuppressed(digest, good.provider)).toBe(false);
  });

  it.each<[string, PeerAnswer, string]>([
    [
      'a range that was not asked for',
      serving(bytes, { contentRange: 'bytes 5-2999999/3000000' }),
      'protocol',
    ],
    ['another size', serving(bytes, { contentRange: 'bytes 1000000-2999999/4000000' }), 'protocol'],
    ['no range at all', serving(bytes, { contentRange: 'bytes' }), 'protocol'],
    ['a redirect', refusing(302, { location: 'http://127.0.0.1:1/' }), 'protocol'],
    ['an error', refusing(500), 'server'],
    ['no access', refusing(403), 'auth'],
    ['no HTTP', (_request, response) => response.socket?.end('SSH-2.0-x\r\n\r\n'), 'protocol'],
    ['nothing', (_request, response) => response.destroy(), 'error'],
  ])('a peer that goes on with %s is left out', async (_what, answer, outcome) => {
    const harness = await start();
    const first = await peer('n1', (incoming, response) => {
      // Exactly so many bytes, and a connection that ends.
      serving(bytes.subarray(0, 1_000_000), { announced: bytes.length, cutAfter: 1_000_000 })(
        incoming,
        response,
      );
    });
    const lying = await peer('n2', answer);
    const good = await peer('n3', serving(bytes));
    harness.lookups = [[first.provider], [lying.provider], [good.provider]];
    harness.health = 0.5;
    harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2' })];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(outcomes(harness)).toContain(outcome);
    expect(harness.suppression.isSuppressed(digest, lying.provider)).toBe(true);
  });

  it.each<[string, PeerAnswer]>([
    ['shorter than announced', serving(bytes.subarray(0, 2_000_000), { isChunked: true })],
    ['longer than the object', serving(Buffer.concat([bytes, Buffer.alloc(500_000)]), { isChunked: true })],
    [
      'of an announced length that is too small',
      serving(bytes, { announced: 1_500_000, cutAfter: 1_500_000 }),
    ],
  ])('a body that is %s is not taken for the object', async (_what, answer) => {
    const harness = await start();
    const bad = await peer('n1', answer);
    const good = await peer('n2', serving(bytes));
    harness.lookups = [[bad.provider], [good.provider]];
    harness.health = 0.5;
    harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2' })];
    const session = harness.sessions.fetch(request);
    await session.done;
    expect(await harness.node.store.size(digest)).toBe(bytes.length);
  });

  it('a peer that stalls is left for another one', async () => {
    const harness = await start({ settings: { peerIdleMs: 300 } });
    const stalling = await peer('n1', serving(bytes, { stallAfter: 1_000_000 }));
    const good = await peer('n2', serving(bytes));
    harness.lookups = [[stalling.provider], [good.provider]];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(outcomes(harness)[0]).toBe('stall');
    expect(outcomes(harness).at(-1)).toBe('hit');
  });

  it.each([true, false])(
    'a source that trickles is left for another one (known beforehand: %s)',
    async (isKnown) => {
      // A clock on which ten seconds pass in 50 ms.
      const startedAt = performance.now();
      const clock = { now: () => Date.now(), monotonic: () => (performance.now() - startedAt) * 200 };
      const harness = await start({ parts: () => ({ clock }) });
      const trickling = await peer('n1', (_request, response) => {
        response.writeHead(200, { 'content-length': String(bytes.length) });
        let at = 0;
        const timer = setInterval(() => response.write(bytes.subarray(at, (at += 100))), 5);
        response.once('close', () => clearInterval(timer));
      });
      const good = await peer('n2', serving(bytes));
      // Who is further away comes second.
      const near = { id: 'n1', addr: trickling.provider.addr, zone: 'a', peerId: '', p2pAddrs: [] };
      harness.node.members.change([{ ...near, id: 'n0', addr: 'x:1' }, near]);
      harness.lookups = isKnown ? [[trickling.provider, good.provider]] : [[trickling.provider]];
      harness.cascade = [async () => ({ how: 'providers', providers: [good.provider], outcome: 'rule2' })];
      expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
      expect(trickling.requests).toHaveLength(1);
      expect(harness.suppression.isSuppressed(digest, trickling.provider)).toBe(!isKnown);
      expect(outcomes(harness).at(-1)).toBe('hit');
    },
  );

  it('goes to the gate when the only copy cannot be had for long', async () => {
    const startedAt = performance.now();
    const clock = { now: () => Date.now(), monotonic: () => (performance.now() - startedAt) * 200 };
    const harness = await start({
      parts: (node) => ({
        clock,
        fallback: {
          attempt: async () => {
            const { handle } = node.inflight.start(digest, 'blob', 0, 0);
            const feeder = node.downloads.get(digest)?.feed();
            void feeder
              ?.write(bytes)
              .then(async () => feeder.complete())
              .then(() => handle.done());
            return { kind: 'pulling', answer: { kind: 'started', startedAt: 0 } };
          },
        },
      }),
    });
    const broken = await peer('n1', refusing(500));
    harness.lookups = [[broken.provider]];
    const again = async () => ({ how: 'providers', providers: [broken.provider], outcome: 'rule2' }) as const;
    harness.cascade = Array.from({ length: 1_000 }, () => again);
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
  });

  it('what the store does not keep is served and not advertised', async () => {
    const harness = await start({ budgetBytes: 1_000_000 });
    const one = await peer('n1', serving(bytes));
    harness.lookups = [[one.provider]];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    await expect.poll(() => harness.sessions.list().length).toBe(0);
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(one.requests).toHaveLength(1);
    expect(await harness.node.store.has(digest)).toBe(false);
    expect(harness.provided).toEqual([]);
  });

  it('gives up a large object that nobody wants any more, and none that has come far', async () => {
    const harness = await start({
      parts: (node) => ({
        timers: {
          ...node.timers,
          after: (ms, callback) => node.timers.after(ms === 10_000 ? 20 : ms, callback),
        },
      }),
    });
    const large = await peer('n1', serving(bytes, { announced: 100_000_000, stallAfter: 2_000_000 }));
    harness.lookups = [[large.provider]];
    const session = harness.sessions.fetch(request);
    for await (const _ of session.read()) break;
    await expect(session.done).rejects.toMatchObject({ code: 'WARM_PATH_EXHAUSTED' });
    expect(harness.node.downloads.list()).toHaveLength(0);

    const small = content(2_000_000, 77);
    let answer: (() => void) | undefined;
    const patient = await peer('n2', (incoming, response) => {
      answer = () => serving(small.bytes)(incoming, response);
    });
    harness.lookups = [[patient.provider]];
    const other = harness.sessions.fetch({ ...request, digest: small.digest });
    await other.read().return();
    await expect.poll(() => answer !== undefined).toBe(true);
    answer?.();
    await other.done;
  });

  it('follows a pull at its puller, and the alternates that a busy one names', async () => {
    const harness = await start();
    const alternate = await peer('n2', serving(bytes, { headers: { 'gantry-partial': '1' } }));
    const puller = await peer(
      'n1',
      refusing(429, { 'retry-after': '1', 'gantry-alternates': `nonsense, ${alternate.provider.addr}` }),
    );
    harness.cascade = [
      async () => ({
        how: 'tail',
        provider: puller.provider,
        outcome: 'rule7',
        resume: async () => {
          throw new Error('not needed');
        },
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(puller.requests[0]?.headers['gantry-accept-partial']).toBe('1');
    expect(alternate.requests[0]?.headers['gantry-accept-partial']).toBe('1');
  });

  it('a refused tail goes back to the cascade, and holds nothing against the puller', async () => {
    const harness = await start();
    const puller = await peer('n1', refusing(404), serving(bytes));
    const refusals: unknown[] = [];
    harness.cascade = [
      async () => ({
        how: 'tail',
        provider: puller.provider,
        outcome: 'rule7',
        resume: async (refusal) => {
          refusals.push(refusal);
          return { how: 'providers', providers: [puller.provider], outcome: 'rule7' };
        },
      }),
    ];
    expect((await collect(harness.sessions.fetch(request).read())).equals(bytes)).toBe(true);
    expect(refusals).toEqual([{ kind: 'refused' }]);
  });

  it('the own pull is followed to its end, or to its failure', async () => {
    const harness = await start();
    const { downloads, inflight } = harness.node;
    harness.cascade = [
      async () => {
        const { handle } = inflight.start(digest, 'blob', 0, 0);
        const feeder = downloads.get(digest)?.feed();
        feeder?.setSource({ kind: 'origin', nodeId: '' });
        feeder?.setSize(bytes.length);
        void feeder
          ?.write(bytes)
          .then(async () => feeder.complete())
          .then(() => handle.done());
        return { how: 'own-pull', outcome: 'rule7' };
      },
      async () => {
        inflight.start(digest, 'blob', 0, 0).handle.done();
        return { how: 'own-pull', outcome: 'rule7' };
      },
    ];
    const session = harness.sessions.fetch(request);
    expect((await collect(session.read())).equals(bytes)).toBe(true);
    await session.done;
    expect(session.source).toBe('origin');
    const other = content(10, 4).digest;
    await expect(harness.sessions.fetch({ ...request, digest: other }).done).rejects.toMatchObject({
      code: 'ORIGIN_FAILED',
    });
    expect(downloads.get(other)).toBeUndefined();
  });

  it('what the store has got meanwhile is served from there', async () => {
    const harness = await start();
    harness.cascade = [
      async () => {
        await put(harness.node, bytes);
        return { how: 'local', outcome: 'local_hit' };
      },
    ];
    const session = harness.sessions.fetch(request);
    expect((await collect(session.read({ start: 5, end: 9 }))).equals(bytes.subarray(5, 10))).toBe(true);
    expect(session.source).toBe('cache');
    expect(await session.whenSize()).toBe(bytes.length);
  });

  it('the last resort is asked when the cascade is exhausted, and only then', async () => {
    const asked: unknown[] = [];
    const harness = await start({
      parts: () => ({
        fallback: {
          attempt: async (attempt) => {
            asked.push(attempt.digest);
            return { kind: 'declined', reason: 'rate_limited' };
          },
        },
      }),
    });
    const failed = harness.sessions.fetch(request).done;
    await expect(failed).rejects.toMatchObject({ code: 'FALLBACK_DECLINED' });
    expect(asked).toEqual([digest]);
    harness.cascade = [
      async () => {
        throw coordinationErrors.create('COOLDOWN_ACTIVE', 'not now', { details: { cooldownUntil: 5 } });
      },
    ];
    await expect(harness.sessions.fetch(request).done).rejects.toMatchObject({ code: 'COOLDOWN_ACTIVE' });
    expect(asked).toHaveLength(1);
  });

  it('512 objects at once: the sessions that run are bounded, manifests go first, and all arrive', async () => {
    const harness = await start({ settings: { maxSessions: 4 } });
    const objects = Array.from({ length: 512 }, (_, index) => content(200, index + 10));
    const byDigest = new Map(objects.map((object) => [object.digest as string, object.bytes]));
    let running = 0;
    let most = 0;
    const one = await peer('n1', (incoming, response) => {
      running += 1;
      most = Math.max(most, running);
      response.once('close', () => (running -= 1));
      serving(byDigest.get(incoming.url?.split('/').at(-1) ?? '') ?? Buffer.alloc(0))(incoming, response);
    });
    harness.lookups = [[one.provider]];
    const order: string[] = [];
    await Promise.all(
      objects.map(async (object, index) => {
        const kind = index === 511 ? 'manifest' : 'blob';
        await harness.sessions.fetch({ ...request, digest: object.digest, kind }).done;
        order.push(kind);
      }),
    );
    expect(most).toBeLessThanOrEqual(5);
    expect(order.indexOf('manifest')).toBeLessThan(40);
    expect(one.requests).toHaveLength(512);
    expect(harness.node.store.stats().objects).toBe(512);
  });

  it('ends when the agent does', async () => {
    const harness = await start();
    const silent = await peer('n1', () => {});
    harness.lookups = [[silent.provider]];
    const session = harness.sessions.fetch(request);
    const reading = collect(session.read());
    await expect.poll(() => silent.requests.length).toBe(1);
    await harness.sessions.close();
    await expect(reading).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(() => harness.sessions.fetch(request)).toThrow(/shutting down/);
    expect(harness.node.store.stats().openWriters).toBe(0);
  });

  it('a copy for prefetch needs no reader', async () => {
    const harness = await start();
    const one = await peer('n1', serving(bytes));
    harness.lookups = [[one.provider]];
    await harness.sessions.copy({ ...request, signal: new AbortController().signal });
    expect(await harness.node.store.has(digest)).toBe(true);
  });

  it('the pump gets what a peer has, and nothing from those that lie', async () => {
    const harness = await start();
    const liar = await peer('n1', refusing(404));
    const good = await peer('n2', serving(bytes));
    const download = await harness.node.downloads.open(digest, { kind: 'blob' });
    const providers = [liar.provider, good.provider];
    const report = await harness.sessions.copyFromPeers(
      { ...request, providers },
      new AbortController().signal,
    );
    expect(download.state).toBe('committed');
    expect(report?.lacking).toEqual([liar.provider.addr]);
  });

  it('the pump follows a busy holder of the lease at those that it names, and forgives it that it has nothing yet', async () => {
    const harness = await start();
    const alternate = await peer('n2', serving(bytes, { headers: { 'gantry-partial': '1' } }));
    const headers = { 'retry-after': '1', 'gantry-alternates': alternate.provider.addr };
    const holder = await peer('n1', refusing(404), refusing(429, headers));
    const download = await harness.node.downloads.open(digest, { kind: 'blob' });
    const follow = async (): Promise<readonly string[] | undefined> => {
      const following = { ...request, providers: [holder.provider], isPartial: true };
      const report = await harness.sessions.copyFromPeers(following, new AbortController().signal);
      return report?.lacking;
    };
    expect(await follow()).toEqual([holder.provider.addr]);
    expect(harness.suppression.isSuppressed(digest, holder.provider)).toBe(false);
    expect(await follow()).toEqual([]);
    expect(download.state).toBe('committed');
    expect(holder.requests[0]?.headers['gantry-accept-partial']).toBe('1');
    expect(alternate.requests).toHaveLength(1);
  });
});

describe('classifyFailure', () => {
  const subject = { ...request };
  it.each([
    [originError(subject, { failureClass: 'auth' }, ''), 'auth'],
    [originError(subject, { failureClass: 'transient' }, ''), 'cooldown'],
    [
      coordinationErrors.create('FAILURE_SHORT_CIRCUIT', '', { details: { failureClass: 'not_found' } }),
      'not_found',
    ],
    [coordinationErrors.create('COOLDOWN_ACTIVE', ''), 'cooldown'],
    [coordinationErrors.create('FALLBACK_DECLINED', ''), 'exhausted'],
    [
      coordinationErrors.create('FALLBACK_DECLINED', '', { details: { failureClass: 'rate_limited' } }),
      'rate_limited',
    ],
    [coordinationErrors.create('STORAGE_UNAVAILABLE', ''), 'storage'],
    [new Error('x'), 'unclassified'],
    [undefined, 'unclassified'],
  ])('%s', (error, kind) => {
    expect(classifyFailure(error).kind).toBe(kind);
  });
});
