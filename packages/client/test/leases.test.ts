import { describe, expect, it } from 'vitest';
import { RegistryClient } from '../src/index.ts';
import { answering, FakeRegistry } from './fake-registry.ts';
import { keyA, keyB } from './vectors.ts';

type Json = Record<string, unknown>;

async function scene(replies: Record<string, Json>) {
  const fake = await FakeRegistry.start(answering(replies));
  const client = new RegistryClient({ address: fake.address, identity: keyA, nodeId: 7 });
  return {
    fake,
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      await fake[Symbol.asyncDispose]();
    },
  };
}

describe('leases', () => {
  it('are asked for with a signature over node and resource', async () => {
    const reply = { state: 'granted', epoch: 5, token: 9, ttl_ms: 3_000 };
    await using s = await scene({ lease_acquire: reply });
    const granted = await s.client.acquireLease('3:x', {
      ttlMs: 3_000,
      notwithstanding: { epoch: 5, token: 8 },
    });
    expect(granted).toMatchObject({ resource: '3:x', state: 'granted', epoch: 5, token: 9, ttlMs: 3_000 });
    expect(s.fake.requests[0]?.message).toEqual({
      type: 'lease_acquire',
      node_id: 7,
      resource: '3:x',
      ttl_ms: 3_000,
      done_epoch: 5,
      done_token: 8,
      signature: keyA.sign('lease_acquire:7:3:x'),
    });
  });

  it('held by another, or done, come with the key of that one', async () => {
    const holder = { holder: 12, holder_public_key: keyB.publicKeyBase64, epoch: 5, token: 9 };
    for (const reply of [
      { state: 'held', remaining_ms: 40, ...holder },
      { state: 'done', ...holder },
    ]) {
      await using s = await scene({ lease_acquire: reply });
      expect(await s.client.acquireLease('0:x')).toMatchObject({
        state: reply.state,
        holder: { nodeId: 12, publicKey: keyB.publicKey },
        ...(reply.state === 'held' ? { remainingMs: 40 } : {}),
      });
    }
  });

  it('are renewed and given back by epoch and token', async () => {
    await using s = await scene({ lease_renew: { ttl_ms: 10_000 }, lease_release: { released: true } });
    const lease = { resource: '0:x', epoch: 5, token: 9 };
    expect(await s.client.renewLease(lease)).toMatchObject({ ttlMs: 10_000 });
    expect(await s.client.releaseLease(lease, { done: true })).toMatchObject({ released: true });
    expect(s.fake.requests.map(({ message }) => message)).toEqual([
      {
        type: 'lease_renew',
        node_id: 7,
        ...lease,
        signature: keyA.sign('lease_renew:7:5:9:0:x'),
      },
      {
        type: 'lease_release',
        node_id: 7,
        ...lease,
        done: true,
        signature: keyA.sign('lease_release:7:5:9:0:x'),
      },
    ]);
  });

  it('of resources that no registry takes are not asked for, and odd answers are no leases', async () => {
    await using s = await scene({ lease_acquire: { state: 'maybe', epoch: 1, token: 1, holder: 1 } });
    for (const resource of ['', 'x'.repeat(257), 'ä'.repeat(129)]) {
      await expect(s.client.acquireLease(resource)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    await expect(s.client.acquireLease('0:x')).rejects.toMatchObject({ code: 'PROTOCOL' });
    expect(s.fake.requests).toHaveLength(1);
  });
});
