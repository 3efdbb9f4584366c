import { describe, expect, it } from 'vitest';
import { endLeases, LEASE_GRACE_MS } from '../../src/service/ended-leases.ts';
import { dumpDirectory } from '../support/dump-directory.ts';
import { type Fields, Harness, type HarnessOptions, type TestNode } from '../support/harness.ts';
import { emptyDirectory, replay, restored, snapshotOf } from '../support/restore.ts';

const RESOURCE = '0:pull:sha256:aa';
const TTL_MS = 10_000;

async function scene(options: HarnessOptions = {}) {
  const h = new Harness(options);
  const a = await h.node();
  const b = await h.node();
  const acquire = (node: TestNode, more: Fields = {}, caller = h.caller()) =>
    h.askSigned('lease_acquire', { node_id: node.id, resource: RESOURCE, ...more }, node.signer, caller);
  const renew = (node: TestNode, token: number, more: Fields = {}) =>
    h.askSigned(
      'lease_renew',
      { node_id: node.id, resource: RESOURCE, epoch: 1, token, ...more },
      node.signer,
    );
  const release = (node: TestNode, token: number, more: Fields = {}) =>
    h.askSigned(
      'lease_release',
      { node_id: node.id, resource: RESOURCE, epoch: 1, token, ...more },
      node.signer,
    );
  const end = () => endLeases(h.engine, h.clock);
  return { h, a, b, acquire, renew, release, end };
}

const grantedAs = (token: number) => ({
  type: 'lease_acquire_ok',
  state: 'granted',
  epoch: 1,
  token,
  ttl_ms: TTL_MS,
});

const heldBy = (node: TestNode, token: number, remaining_ms: number) => ({
  type: 'lease_acquire_ok',
  state: 'held',
  epoch: 1,
  token,
  holder: node.id,
  holder_public_key: node.signer.publicKeyBase64,
  remaining_ms,
});

const doneBy = (node: TestNode, token: number) => ({
  type: 'lease_acquire_ok',
  state: 'done',
  epoch: 1,
  token,
  holder: node.id,
  holder_public_key: node.signer.publicKeyBase64,
});

describe('a lease', () => {
  it('is granted to one, the same one again, and told to others with its holder', async () => {
    const { h, a, b, acquire } = await scene();
    expect(await acquire(a)).toEqual(grantedAs(1));
    h.clock.advance(4_000);
    expect(await acquire(b)).toEqual(heldBy(a, 1, 6_000));
    // That renews it.
    expect(await acquire(a)).toEqual(grantedAs(1));
    expect(await acquire(b)).toEqual(heldBy(a, 1, 10_000));
    expect(h.events.filter(({ event }) => event.type === 'lease.granted')).toHaveLength(1);
  });

  it('is answered only when it is durable, to its holder and to others', async () => {
    const { h, a, b } = await scene();
    const fields = { resource: RESOURCE };
    const grant = await h.execute('lease_acquire', {
      ...fields,
      node_id: a.id,
      signature: a.signer.sign(`lease_acquire:${a.id}:${RESOURCE}`),
    });
    expect(grant.seq).toBe(h.log.appendedSeq);
    const held = await h.execute('lease_acquire', {
      ...fields,
      node_id: b.id,
      signature: b.signer.sign(`lease_acquire:${b.id}:${RESOURCE}`),
    });
    expect(held.seq).toBe(grant.seq);
  });

  it('goes on as long as it is renewed, and nothing is logged for that', async () => {
    const { h, a, b, acquire, renew } = await scene();
    await acquire(a, { ttl_ms: 3_000 });
    const records = h.log.records.length;
    for (let time = 0; time < 20; time++) {
      h.clock.advance(2_999);
      expect(await renew(a, 1)).toEqual({ type: 'lease_renew_ok', ttl_ms: 3_000 });
    }
    expect(await acquire(b)).toMatchObject({ state: 'held', remaining_ms: 3_000 });
    expect(h.log.records).toHaveLength(records);
  });

  it('ends without a renewal, and the next grant has a higher token', async () => {
    const { h, a, b, acquire, renew, release } = await scene();
    await acquire(a);
    h.clock.advance(TTL_MS - 1);
    expect(await acquire(b)).toEqual(heldBy(a, 1, 1));
    h.clock.advance(1);
    expect(await acquire(b)).toEqual(grantedAs(2));
    expect(await acquire(a)).toEqual(heldBy(b, 2, TTL_MS));
    expect(await renew(a, 1)).toMatchObject({ code: 'conflict' });
    expect(await release(a, 1, { done: true })).toEqual({ type: 'lease_release_ok', released: false });
    expect(await renew(b, 2)).toMatchObject({ ttl_ms: TTL_MS });
  });

  it('that has ended cannot be renewed, and is granted anew to who had it', async () => {
    const { h, a, acquire, renew } = await scene();
    await acquire(a);
    h.clock.advance(TTL_MS);
    expect(await renew(a, 1)).toEqual({
      type: 'error',
      error: 'lease not found: it has ended, or somebody else has got it',
      code: 'conflict',
    });
    expect(await acquire(a)).toEqual(grantedAs(2));
    expect(h.state.leases.countOf(a.id)).toBe(1);
  });

  it('that is given back is free at once', async () => {
    const { a, b, acquire, release } = await scene();
    await acquire(a);
    expect(await release(a, 1)).toEqual({ type: 'lease_release_ok', released: true });
    expect(await release(a, 1)).toEqual({ type: 'lease_release_ok', released: false });
    expect(await acquire(b)).toEqual(grantedAs(2));
  });

  it('is not touched by who names another epoch, token or node', async () => {
    const { a, b, acquire, renew, release } = await scene();
    await acquire(a);
    for (const [node, more] of [
      [a, { epoch: 2 }],
      [a, { token: 0 }],
      [a, { token: 2 }],
      [a, { token: undefined }],
      [a, { resource: '0:other' }],
      [b, {}],
    ] as const) {
      const token = 'token' in more ? (more.token ?? 0) : 1;
      expect(await renew(node, token, more)).toMatchObject({ type: 'error', code: 'conflict' });
      expect(await release(node, token, more)).toMatchObject({ released: false });
    }
    expect(await acquire(b)).toMatchObject({ state: 'held' });
  });
});

describe('work that is done', () => {
  it('is told to others, who are granted the lease when they have tried in vain, once', async () => {
    const { h, a, b, acquire, release } = await scene();
    const c = await h.node();
    await acquire(a);
    await release(a, 1, { done: true });
    expect(await acquire(b)).toEqual(doneBy(a, 1));
    expect(await acquire(b, { done_epoch: 1, done_token: 2 })).toEqual(doneBy(a, 1));
    expect(await acquire(b, { done_epoch: 2, done_token: 1 })).toEqual(doneBy(a, 1));
    expect(await acquire(b, { done_epoch: 1, done_token: 1 })).toEqual(grantedAs(2));
    expect(await acquire(c, { done_epoch: 1, done_token: 1 })).toEqual(heldBy(b, 2, TTL_MS));
    await release(b, 2, { done: true });
    expect(await acquire(c, { done_epoch: 1, done_token: 1 })).toEqual(doneBy(b, 2));
  });

  it('can be told late, as long as nobody else has got the lease', async () => {
    const { h, a, b, acquire, release, end } = await scene();
    await acquire(a);
    h.clock.advance(TTL_MS + LEASE_GRACE_MS - 1);
    expect(end()).toBe(0);
    expect(await release(a, 1, { done: true })).toMatchObject({ released: true });
    expect(await acquire(b)).toEqual(doneBy(a, 1));
  });

  it('is no hindrance for who has done it, and means nothing when that node is gone', async () => {
    const { h, a, b, acquire, release } = await scene();
    await acquire(a);
    await release(a, 1, { done: true });
    expect(await acquire(a)).toEqual(grantedAs(2));
    await release(a, 2, { done: true });
    await h.succeed('deregister', { node_id: a.id }, a.signer);
    expect(await acquire(b)).toEqual(grantedAs(3));
  });
});

describe('who has done the work and shows no sign of life', () => {
  it('is not there after three minutes: others need not wait for it', async () => {
    const { h, a, b, acquire, release } = await scene();
    await acquire(a);
    await release(a, 1, { done: true });
    h.advance(179);
    expect(await acquire(b)).toEqual(doneBy(a, 1));
    await h.succeed('heartbeat', { node_id: a.id }, a.signer);
    h.advance(179);
    expect(await acquire(b)).toEqual(doneBy(a, 1));
    h.advance(1);
    expect(await acquire(b)).toEqual(grantedAs(2));
  });

  it('counts as there for three minutes after a start of the registry', async () => {
    const { h, a, b, acquire, release } = await scene();
    await acquire(a);
    await release(a, 1, { done: true });
    h.advance(3_600);
    const again = new Harness({ state: h.state, log: h.log, clock: h.clock });
    const ask = () => again.askSigned('lease_acquire', { node_id: b.id, resource: RESOURCE }, b.signer);
    again.advance(179);
    expect(await ask()).toEqual(doneBy(a, 1));
    again.advance(1);
    expect(await ask()).toEqual(grantedAs(2));
  });
});

describe('a node that is gone', () => {
  it('keeps what it holds until that ends, for it may still be at work', async () => {
    const { h, a, b, acquire, renew } = await scene();
    await acquire(a);
    await h.succeed('deregister', { node_id: a.id }, a.signer);
    expect(await renew(a, 1)).toMatchObject({ error: `node ${a.id}: node not found` });
    expect(await acquire(b)).toMatchObject({ state: 'held', holder: a.id });
    h.clock.advance(TTL_MS);
    expect(await acquire(b)).toEqual(grantedAs(2));
  });
});

describe('who may hold a lease', () => {
  it('of a network: its members only, whether it exists or not', async () => {
    const { h, a, b, acquire } = await scene();
    const network = await h.network('one', a.id);
    const resource = `${network}:x`;
    expect(await acquire(a, { resource })).toMatchObject({ state: 'granted' });
    expect(await acquire(b, { resource })).toEqual({
      type: 'error',
      error: `node ${b.id} is not a member of network ${network}`,
      code: 'denied',
    });
    expect(await acquire(b, { resource: '999:x' })).toMatchObject({
      error: `node ${b.id} is not a member of network 999`,
    });
    await h.join(b, network);
    expect(await acquire(b, { resource })).toMatchObject({ state: 'held' });
  });

  it('loses it with the membership', async () => {
    const { h, a, b } = await scene();
    const network = await h.network('one', a.id);
    await h.join(b, network);
    const lease = { node_id: b.id, resource: `${network}:x` };
    const { token } = await h.succeed('lease_acquire', lease, b.signer);
    await h.succeed('leave_network', { node_id: b.id, network_id: network }, b.signer);
    expect(await h.askSigned('lease_renew', { ...lease, epoch: 1, token }, b.signer)).toMatchObject({
      code: 'denied',
    });
  });

  it('proves it once on a connection, and not with an expired key', async () => {
    const { h, a, acquire } = await scene();
    const caller = h.caller();
    await acquire(a, {}, caller);
    const renewal = { node_id: a.id, resource: RESOURCE, epoch: 1, token: 1 };
    expect(await h.ask('lease_renew', renewal, caller)).toMatchObject({ type: 'lease_renew_ok' });
    expect(await h.ask('lease_renew', renewal)).toMatchObject({ code: 'auth_signature' });
    h.commit({ type: 'key.expiry', id: a.id, expiresAt: h.now });
    expect(await h.ask('lease_renew', renewal, caller)).toMatchObject({ code: 'key_expired' });
  });

  it('is nobody whose signature is over something else', async () => {
    const { h, a, b } = await scene();
    const texts = [
      `lease_acquire:${a.id}:0:other`,
      `lease_acquire:${b.id}:${RESOURCE}`,
      `lease_renew:${a.id}:${RESOURCE}`,
      `heartbeat:${a.id}`,
    ];
    for (const text of texts) {
      const fields = { node_id: a.id, resource: RESOURCE, signature: a.signer.sign(text) };
      expect(await h.ask('lease_acquire', fields)).toMatchObject({ code: 'auth_signature' });
    }
    expect(h.state.leases.held.size).toBe(0);
  });
});

describe('bounds', () => {
  it('resources are `<network>:<name>`, at most 256 printable characters', async () => {
    const { h, a, acquire } = await scene();
    const wrong = ['', 'x', ':x', '0:', '00:x', '-1:x', '123456:x', '0:a b', '0:\u0000', '0:ä'];
    for (const resource of [...wrong, `0:${'x'.repeat(255)}`]) {
      expect([resource, await acquire(a, { resource })]).toEqual([
        resource,
        expect.objectContaining({
          code: 'invalid_request',
          error: expect.stringMatching(/^invalid resource/),
        }),
      ]);
    }
    expect(await acquire(a, { resource: `0:${'x'.repeat(254)}` })).toMatchObject({ state: 'granted' });
    expect(h.state.leases.held.size).toBe(1);
  });

  it.each([0, 999, 60_001, -1, 1e12])('a time of %d ms is refused', async (ttl_ms) => {
    const { a, acquire } = await scene();
    expect(await acquire(a, { ttl_ms })).toMatchObject({
      code: 'invalid_request',
      error: 'invalid ttl_ms: want 1000 to 60000',
    });
  });

  it('a node holds so many, all together so many, and what has ended makes room', async () => {
    const { h, a, b, acquire, end } = await scene({ limits: { maxLeasesPerNode: 2, maxLeases: 3 } });
    const names = ['0:1', '0:2', '0:3', '0:4'] as const;
    await acquire(a, { resource: names[0] });
    await acquire(a, { resource: names[1] });
    expect(await acquire(a, { resource: names[2] })).toEqual({
      type: 'error',
      error: `too many leases: node ${a.id} holds 2`,
      code: 'limit_reached',
    });
    expect(await acquire(a, { resource: names[0] })).toMatchObject({ state: 'granted', token: 1 });
    await acquire(b, { resource: names[2] });
    expect(await acquire(b, { resource: names[3] })).toMatchObject({
      error: 'too many leases: 3 are held',
      code: 'limit_reached',
    });
    h.clock.advance(TTL_MS + LEASE_GRACE_MS);
    expect(end()).toBe(3);
    expect(h.state.leases.held.size).toBe(0);
    expect(await acquire(b, { resource: names[3] })).toMatchObject({ state: 'granted', token: 4 });
    expect(h.events.filter(({ event }) => event.type === 'lease.released')).toHaveLength(3);
  });

  it('so much is remembered of what is done, and the oldest is forgotten, also at recovery with other bounds', async () => {
    const { h, a, acquire, release } = await scene({ limits: { maxDoneLeases: 3 } });
    for (let i = 1; i <= 5; i++) {
      const resource = `0:${i}`;
      await acquire(a, { resource });
      await release(a, i, { resource, done: true });
    }
    expect([...h.state.leases.done.keys()]).toEqual(['0:3', '0:4', '0:5']);
    expect(dumpDirectory(replay(emptyDirectory(2), h.log.records))).toEqual(dumpDirectory(h.state));
  });
});

describe('after a restart', () => {
  it('a lease lasts for its whole time once more, tokens go on, and what is done is remembered', async () => {
    const { h, a, acquire, release } = await scene();
    await acquire(a, { resource: '0:done' });
    await release(a, 1, { resource: '0:done', done: true });
    await acquire(a);
    for (const state of [replay(emptyDirectory(2), h.log.records), restored(snapshotOf(h.state))]) {
      expect(dumpDirectory(state)).toEqual(dumpDirectory(h.state));
      const clock = h.clock;
      clock.advance(3_600_000);
      const again = new Harness({ state, log: h.log, clock });
      const ask = (node: TestNode, resource: string) =>
        again.askSigned('lease_acquire', { node_id: node.id, resource }, node.signer);
      const b = { id: 2, signer: (await scene()).b.signer };
      expect(await ask(b, RESOURCE)).toEqual(heldBy(a, 2, TTL_MS));
      expect(await ask(b, '0:done')).toEqual(doneBy(a, 1));
      clock.advance(TTL_MS);
      expect(await ask(b, RESOURCE)).toEqual(grantedAs(3));
    }
  });

  it('snapshots from before leases load, and those without leases are as before', () => {
    const blocks = snapshotOf(emptyDirectory());
    expect(blocks.map(({ kind }) => kind)).not.toContain(7);
    expect(Buffer.concat(blocks.map(({ bytes }) => bytes)).toString()).not.toContain('ease');
    expect(restored(blocks).leases.lastToken).toBe(0);
  });
});

it('a standby grants nothing', async () => {
  const { h, a } = await scene();
  const standby = new Harness({ standby: true, state: h.state });
  for (const type of ['lease_acquire', 'lease_renew', 'lease_release']) {
    const fields = { node_id: a.id, resource: RESOURCE, epoch: 1, token: 1 };
    expect(await standby.askSigned(type, fields, a.signer)).toMatchObject({ code: 'standby' });
  }
});
