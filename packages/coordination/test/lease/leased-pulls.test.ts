import { peerIdOf } from '@muster/core/identity';
import { describe, expect, it } from 'vitest';
import { DONE_PATIENCE_MS, pullLeasing, pullResource } from '../../src/lease/pull-leasing.ts';
import { LEASE_IDLE_MS } from '../../src/lease/run-lease.ts';
import type { CopyFromPeers, PeerCopyRequest } from '../../src/pump/parts.ts';
import type { Digest, Provider } from '../../src/types.ts';
import { MemoryLeases, TTL_MS } from '../support/memory-leases.ts';
import { pumpFixture, unlessAborted } from '../support/pump-fixture.ts';
import { patternBytes, readObject } from '../support/store-contract.ts';

const CONTENT = patternBytes(300_000);
const OTHER: Provider = { nodeId: 'other', addr: '10.0.0.2:5000' };

/** A pump whose node is the peer `self`, with the member `other`, and what both may do. */
async function scene() {
  const book: { leases?: MemoryLeases; copy: CopyFromPeers } = { copy: async () => ({ lacking: [] }) };
  const copies: PeerCopyRequest[] = [];
  const told: [Digest, string][] = [];
  const fixture = await pumpFixture({
    leasing: {
      leases: { acquire: async (...args) => (book.leases as MemoryLeases).of('self').acquire(...args) },
      memberOf: (peer) => (peer === 'other' ? OTHER : undefined),
      onHolder: (digest, nodeId) => void told.push([digest, nodeId]),
    },
    copyFromPeers: async (request, signal) => {
      copies.push(request);
      return book.copy(request, signal);
    },
  });
  const leases = new MemoryLeases(fixture.clock);
  book.leases = leases;
  const digest = fixture.origin.add(CONTENT);
  const resource = pullResource(digest);
  /** Gives the object, as a peer does that has it. */
  const give: CopyFromPeers = async () => {
    const feeder = fixture.downloads.get(digest)?.feed();
    await feeder?.write(CONTENT.subarray(feeder.offset));
    await feeder?.complete();
    feeder?.release();
    return { lacking: [] };
  };
  /** Lets time pass in steps until the pull has ended. */
  const until = async (end: Promise<string>, stepMs = 250, steps = 10_000): Promise<string> => {
    const seen: { outcome?: string } = {};
    void end.then((text) => (seen.outcome = text));
    for (let step = 0; step < steps && seen.outcome === undefined; step++) {
      fixture.clock.advance(stepMs);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    return seen.outcome ?? 'still running';
  };
  const topics = (): string[] => fixture.leased.map(({ topic }) => topic);
  return { ...fixture, leases, digest, resource, book, copies, told, give, until, topics };
}

describe('a pull with the lease', () => {
  it('asks for it before the origin, and tells that it is done when others can have the object', async () => {
    const { pull, digest, resource, leases, origin, leased, store } = await scene();
    expect(await (await pull(digest)).end).toBe('origin');
    expect(leases.doneBy(resource)).toBe('self');
    expect(origin.opened).toHaveLength(1);
    expect(await readObject(store, digest)).toHaveLength(CONTENT.length);
    expect(leased).toMatchObject([
      { topic: 'lease.granted', payload: { digest, epoch: 1, token: 1, isRepeat: false } },
      { topic: 'lease.released', payload: { digest, token: 1, outcome: 'done' } },
    ]);
  });

  it('looks around with the lease in its hands: what another has committed before it is found', async () => {
    const s = await scene();
    s.peers.find = async () => {
      expect(s.leases.holder(s.resource)).toBe('self');
      return [OTHER];
    };
    s.book.copy = s.give;
    expect(await (await s.pull(s.digest)).end).toBe('peer');
    expect(s.origin.opened).toHaveLength(0);
    expect(s.leases.doneBy(s.resource)).toBe('self');
  });

  it('gives it back when it fails, and the next one has it at once', async () => {
    const { pull, digest, resource, leases, origin, topics } = await scene();
    origin.failure = { failureClass: 'transient' };
    expect(await (await pull(digest)).end).toBe('ORIGIN_FAILED');
    expect(leases.holder(resource)).toBeUndefined();
    expect(leases.doneBy(resource)).toBeUndefined();
    expect(topics()).toEqual(['lease.granted', 'lease.released']);
  });

  it('gives it back when the node is stopped', async () => {
    const { pull, digest, resource, leases, origin, agent, until } = await scene();
    origin.gate = new Promise(() => {});
    const { end } = await pull(digest);
    await expect.poll(() => origin.opened.length).toBe(1);
    await until(agent.stop(0).then(() => 'stopped'));
    expect(await end).toBe('SHUTTING_DOWN');
    expect(leases.holder(resource)).toBeUndefined();
  });

  it('does not say that it is done when the store does not keep the object', async () => {
    const { pull, digest, resource, leases, store } = await scene();
    store.has = async () => false;
    expect(await (await pull(digest)).end).toBe('origin');
    expect(leases.doneBy(resource)).toBeUndefined();
    expect(leases.holder(resource)).toBeUndefined();
  });
});

describe('a lease that another has', () => {
  it('is not gone around: its holder is followed, and the origin is not asked', async () => {
    const s = await scene();
    s.leases.give(s.resource, 'other');
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.copies.length).toBe(1);
    expect(s.copies[0]).toMatchObject({ providers: [OTHER], isPartial: true });
    expect(s.inflight.lookup(s.digest, s.clock.now())).toMatchObject({ isQueued: true });
    expect(s.told).toEqual([[s.digest, 'other']]);
    s.book.copy = s.give;
    expect(await s.until(end)).toBe('peer');
    expect(s.origin.opened).toHaveLength(0);
    expect(s.topics()).toEqual(['lease.held']);
  });

  it('is waited for as long as it is renewed, longer than a pull may take, and the budget begins after it', async () => {
    const s = await scene();
    s.leases.give(s.resource, 'other');
    s.leases.renews.add('other');
    const { end } = await s.pull(s.digest);
    expect(await s.until(end, 1_000, 900)).toBe('still running');
    s.leases.end(s.resource);
    expect(await s.until(end, 1_000)).toBe('origin');
    expect(s.topics()).toEqual(['lease.held', 'lease.granted', 'lease.released']);
    expect(s.negative.lookup(s.digest, s.clock.now())).toBeUndefined();
  });

  it('runs out when its holder is dead; then exactly one of those who wait gets it', async () => {
    const s = await scene();
    s.leases.give(s.resource, 'dead');
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.topics()).toEqual(['lease.held']);
    s.clock.advance(TTL_MS);
    const answer = await s.leases.of('third').acquire(s.resource, { timeoutMs: 1 });
    expect(answer.kind).toBe('granted');
    s.leases.renews.add('third');
    expect(await s.until(end, 1_000, 60)).toBe('still running');
    expect(s.origin.opened).toHaveLength(0);
    if (answer.kind === 'granted') await answer.lease.release();
    expect(await s.until(end)).toBe('origin');
    expect(s.origin.opened).toHaveLength(1);
  });

  it('of whom this node sees nothing, is waited for all the same, and others are asked for copies', async () => {
    const s = await scene();
    s.leases.give(s.resource, 'stranger');
    s.leases.renews.add('stranger');
    s.peers.providers = [OTHER];
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.copies.length).toBe(1);
    expect(s.copies[0]).toMatchObject({ providers: [OTHER], isPartial: false });
    s.book.copy = s.give;
    expect(await s.until(end)).toBe('peer');
  });

  it('is not waited for by a node that stops', async () => {
    const s = await scene();
    s.leases.give(s.resource, 'other');
    s.leases.renews.add('other');
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.topics()).toEqual(['lease.held']);
    await s.until(s.agent.stop(0).then(() => 'stopped'));
    expect(await end).toBe('SHUTTING_DOWN');
  });
});

describe('pulls that wait for others', () => {
  const digestsOf = (s: Awaited<ReturnType<typeof scene>>, count: number): Digest[] =>
    Array.from({ length: count }, (_, index) => s.origin.add(Buffer.from(`object ${index}`)));

  it('do not take the place of others, and get one when it is their turn', async () => {
    const s = await scene();
    const waiting = digestsOf(s, 60);
    s.leases.renews.add('other');
    for (const digest of waiting) {
      s.leases.give(pullResource(digest), 'other');
      expect((await s.pump(s.job(digest))).kind).toBe('started');
    }
    await expect.poll(() => s.leased.length).toBe(60);
    expect(s.agent.load.running).toBeLessThanOrEqual(16);
    expect(await s.until((await s.pull(s.digest)).end)).toBe('origin');
    const ends = waiting.map(async (digest) => s.agent.follow(digest));
    for (const digest of waiting) s.leases.end(pullResource(digest));
    expect(await s.until(Promise.all(ends).then(() => 'all'))).toBe('all');
    expect(s.origin.opened).toHaveLength(61);
    await expect.poll(() => s.agent.load).toEqual({ running: 0, waiting: 0 });
    expect(s.inflight.length).toBe(0);
  });

  it('end with the node, wherever they are', async () => {
    const s = await scene();
    const waiting = digestsOf(s, 75);
    s.leases.renews.add('other');
    // Those that read keep all the places, so that the others wait for one.
    for (const digest of waiting.slice(0, 40)) s.leases.give(pullResource(digest), 'other');
    s.origin.gate = new Promise(() => {});
    for (const digest of waiting) await s.pump(s.job(digest));
    await expect.poll(() => s.origin.opened.length).toBe(16);
    await s.until(new Promise(() => {}), 250, 20);
    expect(s.origin.opened).toHaveLength(16);
    await s.until(s.agent.stop(0).then(() => 'stopped'));
    await expect.poll(() => s.agent.load.running).toBe(0);
    expect(s.inflight.length).toBe(0);
  });
});

describe('an object that another has pulled', () => {
  async function done() {
    const s = await scene();
    s.leases.give(s.resource, 'other');
    s.leases.end(s.resource, 'done');
    return s;
  }

  it('is copied from there', async () => {
    const s = await done();
    s.book.copy = s.give;
    expect(await s.until((await s.pull(s.digest)).end)).toBe('peer');
    expect(s.copies[0]?.providers).toEqual([OTHER]);
    expect(s.origin.opened).toHaveLength(0);
    expect(s.topics()).toEqual(['lease.done']);
  });

  it('is pulled again at once when that one has it no more, and nobody else', async () => {
    const s = await done();
    s.book.copy = async () => ({ lacking: [OTHER.addr] });
    expect(await (await s.pull(s.digest)).end).toBe('origin');
    expect(s.leases.asked.map(({ notwithstanding }) => notwithstanding)).toEqual([
      undefined,
      expect.objectContaining({ epoch: 1, token: 1 }),
    ]);
    expect(s.leased[1]).toMatchObject({ topic: 'lease.granted', payload: { isRepeat: true } });
  });

  it('is pulled again after two minutes in which it could be had from nobody, and not sooner', async () => {
    const s = await done();
    const { end } = await s.pull(s.digest);
    expect(await s.until(end, 1_000, DONE_PATIENCE_MS / 1_000 - 2)).toBe('still running');
    expect(s.origin.opened).toHaveLength(0);
    expect(await s.until(end, 1_000)).toBe('origin');
  });

  it('is not pulled again when another has done so meanwhile', async () => {
    const s = await done();
    const { end } = await s.pull(s.digest);
    await s.until(end, 1_000, DONE_PATIENCE_MS / 1_000 - 5);
    s.leases.give(s.resource, 'third');
    s.leases.end(s.resource, 'done');
    expect(await s.until(end, 1_000, 60)).toBe('still running');
    s.peers.providers = [OTHER];
    s.book.copy = s.give;
    expect(await s.until(end)).toBe('peer');
    expect(s.origin.opened).toHaveLength(0);
  });
});

describe('a lease that is lost while the object is read', () => {
  it('ends the read at once; with the next one it goes on where it was', async () => {
    const s = await scene();
    let isFirst = true;
    s.origin.distort = async function* (body, signal) {
      if (!isFirst) return yield body;
      isFirst = false;
      yield body.subarray(0, 100_000);
      await unlessAborted(new Promise(() => {}), signal);
    };
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.downloads.get(s.digest)?.receivedBytes).toBe(100_000);
    s.leases.give(s.resource, 'other');
    expect(await s.until(end, 500)).toBe('origin');
    expect(s.origin.opened.map(({ offset }) => offset)).toEqual([0, 100_000]);
    expect(s.topics()).toEqual([
      'lease.granted',
      'lease.lost',
      'lease.held',
      'lease.granted',
      'lease.released',
    ]);
    expect(s.negative.lookup(s.digest, s.clock.now())).toBeUndefined();
  });

  it('lets no byte through after it, even when the process had no time to hear of it', async () => {
    const s = await scene();
    const resumed = Promise.withResolvers<void>();
    s.origin.distort = async function* (body) {
      yield body.subarray(0, 100_000);
      await resumed.promise;
      yield body.subarray(100_000);
    };
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.downloads.get(s.digest)?.receivedBytes).toBe(100_000);
    s.leases.give(s.resource, 'other');
    s.leases.renews.add('other');
    resumed.resolve();
    await expect.poll(() => s.topics()).toContain('lease.held');
    expect(s.downloads.get(s.digest)?.receivedBytes).toBe(100_000);
    s.book.copy = s.give;
    expect(await s.until(end)).toBe('peer');
    expect(s.origin.opened).toHaveLength(1);
  });

  it('goes on by the rules of the original when the authority is out of reach by then', async () => {
    const s = await scene();
    let isFirst = true;
    s.origin.distort = async function* (body, signal) {
      if (!isFirst) return yield body;
      isFirst = false;
      yield body.subarray(0, 100_000);
      await unlessAborted(new Promise(() => {}), signal);
    };
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.downloads.get(s.digest)?.receivedBytes).toBe(100_000);
    s.leases.isReachable = false;
    expect(await s.until(end, 500)).toBe('origin');
    expect(s.topics()).toEqual(['lease.granted', 'lease.lost', 'lease.unavailable']);
    expect(s.origin.opened.map(({ offset }) => offset)).toEqual([0, 100_000]);
  });

  it('is given up by who gets no byte from the origin for two minutes', async () => {
    const s = await scene();
    s.leases.renews.add('self');
    s.origin.distort = async function* (body, signal) {
      yield body.subarray(0, 100_000);
      await unlessAborted(new Promise(() => {}), signal);
    };
    const { end } = await s.pull(s.digest);
    await expect.poll(() => s.downloads.get(s.digest)?.receivedBytes).toBe(100_000);
    expect(await s.until(end, 1_000, LEASE_IDLE_MS / 1_000 - 5)).toBe('still running');
    expect(await s.until(end, 1_000, 60)).toBe('ORIGIN_FAILED');
    expect(s.topics()).toEqual(['lease.granted', 'lease.released']);
    expect(s.leases.holder(s.resource)).toBeUndefined();
  });
});

it('a holder is followed once more when the authority gets out of reach, before the origin is asked', async () => {
  const s = await scene();
  s.leases.give(s.resource, 'other');
  s.leases.renews.add('other');
  const { end } = await s.pull(s.digest);
  await expect.poll(() => s.topics()).toEqual(['lease.held']);
  s.leases.isReachable = false;
  s.book.copy = s.give;
  expect(await s.until(end)).toBe('peer');
  expect(s.origin.opened).toHaveLength(0);
});

it('without a reachable authority a pull is as without leases', async () => {
  const s = await scene();
  s.leases.isReachable = false;
  expect(await (await s.pull(s.digest)).end).toBe('origin');
  expect(s.topics()).toEqual(['lease.unavailable']);
  expect(s.published.map(({ topic }) => topic).filter((topic) => topic !== 'origin.bytes')).toEqual([
    'origin.started',
    'origin.succeeded',
  ]);
});

it('holders are found among all members by their peer id, however that is written', () => {
  const peerId = peerIdOf(Buffer.alloc(32, 7));
  const node = (id: string, published: string) => ({
    id,
    addr: `${id}:5000`,
    zone: '',
    peerId: published,
    p2pAddrs: [],
  });
  const ready = [node('a', ''), node('b', peerId)];
  const leasing = pullLeasing(
    { acquire: async () => Promise.reject(new Error('not asked')) },
    { snapshot: () => ready, bootstrapSnapshot: () => [node('c', peerIdOf(Buffer.alloc(32, 8)))] },
    () => {},
  );
  expect(leasing.memberOf(peerId)).toEqual({ nodeId: 'b', addr: 'b:5000' });
  expect(leasing.memberOf(peerIdOf(Buffer.alloc(32, 8)))).toEqual({ nodeId: 'c', addr: 'c:5000' });
  for (const unknown of ['', 'nonsense', peerIdOf(Buffer.alloc(32, 9))]) {
    expect(leasing.memberOf(unknown)).toBeUndefined();
  }
});
