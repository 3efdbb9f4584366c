import { Identity } from '@muster/core/identity';
import { expect, test } from 'vitest';
import { Scene } from './support.ts';

const RESOURCE = '0:pull:sha256:aa';

test.each(['the log', 'a snapshot and the log'])(
  'a registry that starts again knows its leases from %s: held ones for their whole time, and what is done',
  async (from) => {
    await using scene = new Scene();
    const directory = await scene.directory();
    const [a, b] = [Identity.generate(), Identity.generate()];
    let registry = await scene.start({ directory });
    const clientA = scene.client(registry, { identity: a });
    await clientA.register();
    const done = await clientA.acquireLease('0:done');
    expect(await clientA.releaseLease(done, { done: true })).toMatchObject({ released: true });
    const lease = await clientA.acquireLease(RESOURCE, { ttlMs: 1_000 });
    expect(lease).toMatchObject({ state: 'granted', token: 2, ttlMs: 1_000 });
    expect(registry.store?.log.durableSeq).toBe(registry.store?.log.appendedSeq);
    if (from !== 'the log') await registry.store?.writeSnapshot();
    await registry.stop();

    registry = await scene.start({ directory });
    const clientB = scene.client(registry, { identity: b });
    await clientB.register();
    const held = await clientB.acquireLease(RESOURCE);
    expect(held).toMatchObject({ state: 'held', token: 2, epoch: lease.epoch });
    if (held.state !== 'held') throw new Error('not held');
    expect(held.holder.nodeId).toBe(clientA.nodeId);
    expect(Buffer.from(held.holder.publicKey ?? [])).toEqual(Buffer.from(a.publicKey));
    expect(held.remainingMs).toBeGreaterThan(0);
    expect(held.remainingMs).toBeLessThanOrEqual(1_000);
    expect(await clientB.acquireLease('0:done')).toMatchObject({ state: 'done', token: 1 });
    // Its holder goes on as if nothing had happened, or somebody else gets it when its time is over.
    const again = scene.client(registry, { identity: a, ...(clientA.nodeId && { nodeId: clientA.nodeId }) });
    expect(await again.renewLease(lease)).toMatchObject({ ttlMs: 1_000 });
    await expect
      .poll(async () => (await clientB.acquireLease(RESOURCE)).state, { timeout: 20_000 })
      .toBe('granted');
    await expect(again.renewLease(lease)).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  },
);

test('what nobody renews is taken out, and the figures tell of it', async () => {
  await using scene = new Scene();
  const registry = await scene.start();
  const client = scene.client(registry, { identity: Identity.generate() });
  await client.register();
  await client.acquireLease(RESOURCE, { ttlMs: 1_000 });
  expect(await registry.metrics.render()).toContain('muster_leases_held 1');
  await client.acquireLease('0:x');
  await client.releaseLease(await client.acquireLease('0:x'), { done: true });
  const text = await registry.metrics.render();
  expect(text).toContain('muster_leases_done 1');
  expect(text).toContain('muster_leases_total{event="granted"} 2');
  expect(text).toContain('muster_leases_total{event="done"} 1');
  await expect.poll(() => registry.directory?.leases.held.size, { timeout: 30_000 }).toBe(0);
  expect(await registry.metrics.render()).toContain('muster_leases_total{event="expired"} 1');
});
