import { challengeFor, Identity } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { LocalRegistry } from '../../src/service/local-registry.ts';

function signed(identity: Identity, type: string, fields: Record<string, unknown>) {
  return { type, ...fields, signature: identity.sign(challengeFor(type, fields) ?? '') };
}

it('answers as a server does, checks signatures, and knows after a crash what it knew before', async () => {
  const clock = new ManualClock();
  const registry = new LocalRegistry({ clock, random: seededRandom(1) });
  const identity = Identity.fromSeed(seededRandom(2).bytes(32));
  const connection = registry.connect();
  const registration = { listen_addr: '203.0.113.5:4000', public_key: identity.publicKeyBase64 };
  expect(await connection.request(signed(identity, 'register', registration))).toMatchObject({ node_id: 1 });
  const wish = { node_id: 1, resource: '0:x' };
  expect(
    await registry.connect().request({ type: 'lease_acquire', ...wish, signature: 'AAAA' }),
  ).toMatchObject({
    code: 'auth_signature',
  });
  expect(await connection.request(signed(identity, 'lease_acquire', wish))).toMatchObject({
    state: 'granted',
    token: 1,
  });
  registry.crash();
  expect(registry.isUp).toBe(false);
  expect(await connection.request({ type: 'heartbeat', node_id: 1 })).toBeUndefined();
  registry.recover();
  // What the connection has proven is gone; the lease is not.
  const renewal = { node_id: 1, resource: '0:x', epoch: registry.directory.leaseEpoch, token: 1 };
  expect(await connection.request({ type: 'lease_renew', ...renewal })).toMatchObject({
    code: 'auth_signature',
  });
  expect(await connection.request(signed(identity, 'lease_renew', renewal))).toMatchObject({
    ttl_ms: 10_000,
  });
  clock.advance(20_000);
  registry.tick();
  expect(registry.directory.leases.held.size).toBe(0);
  expect(registry.events().map(({ type }) => type)).toEqual([
    'network.created',
    'node.registered',
    'lease.granted',
    'lease.released',
  ]);
  expect(await connection.request({ type: 'nonsense' })).toMatchObject({ code: 'unknown_type' });
});
