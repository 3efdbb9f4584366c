import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { afterEach, expect, it } from 'vitest';
import { Registry } from '../../src/index.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const ADMIN_TOKEN = 'correct horse battery staple';

async function started(): Promise<Registry> {
  const listen = { host: '127.0.0.1', port: 0 };
  const registry = await Registry.start({ listen, http: listen, adminToken: ADMIN_TOKEN });
  cleanups.push(() => registry.stop());
  return registry;
}

function clientOf(
  registry: Registry,
  identity: Identity,
  signatures: 'v1' | 'v2',
  nodeId?: number,
): RegistryClient {
  const address = `127.0.0.1:${registry.port}`;
  const client = new RegistryClient({
    address,
    identity,
    signatures,
    ...(nodeId === undefined ? {} : { nodeId }),
  });
  cleanups.push(() => client.close());
  return client;
}

it('keeps v1 signatures of a key out once it has signed v2, until an administrator lets them in again (B-10)', async () => {
  const registry = await started();
  const identity = Identity.generate();
  const strong = clientOf(registry, identity, 'v2');
  const { nodeId } = await strong.register({ hostname: 'alpha' });
  await strong.setTags(['gpu']);
  const weak = clientOf(registry, identity, 'v1', nodeId);
  await expect(weak.setTags(['cpu'])).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  const url = `http://127.0.0.1:${registry.httpPort}/api/admin/nodes/${nodeId}/signature-ratchet`;
  const response = await fetch(url, { method: 'DELETE', headers: { 'x-admin-token': ADMIN_TOKEN } });
  expect(response.status).toBe(200);
  await weak.setTags(['cpu']);
  expect((await weak.lookup(nodeId)).tags).toEqual(['cpu']);
});
