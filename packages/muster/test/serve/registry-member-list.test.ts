import { readFile } from 'node:fs/promises';
import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { expect, test } from 'vitest';
import { registryTlsOf } from '../../src/membership/open-membership.ts';
import { registryMemberList } from '../../src/serve/registry-member-list.ts';
import { startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();

test('nodes of a network with the tag are the members, with the peer of their key', async () => {
  await using registry = await startRegistry([
    'registry',
    'serve',
    '--make-admin-token',
    '--data',
    folder.path('data'),
  ]);
  const { address, adminTokenFile } = registry.ready;
  const adminToken = (await readFile(adminTokenFile ?? '', 'utf8')).trim();
  const identities = [Identity.generate(), Identity.generate()];
  const clients = identities.map(
    (identity) => new RegistryClient({ address, encoding: 'json', tls: false, identity, adminToken }),
  );
  let network = 0;
  for (const [index, client] of clients.entries()) {
    const { nodeId } = await client.register({
      hostname: `node-${index}`,
      listenAddress: `127.0.0.1:${4000 + index}`,
    });
    if (index === 0) {
      ({ networkId: network } = await client.createNetwork({ name: 'mirrors', joinRule: 'open' }));
    } else await client.joinNetwork(network);
    expect(nodeId).toBeGreaterThan(0);
    await client.setVisibility('public');
    await client.setTags(index === 0 ? ['mirror', 'transfer-6001', 'p2p-7001', 'zone-a'] : ['gpu']);
  }
  await using members = registryMemberList({ registry: address, network });
  const found = await members.list(new AbortController().signal);
  expect(found).toHaveLength(1);
  const { peerId } = identities[0] as Identity;
  expect(found[0]).toMatchObject({
    isReady: true,
    node: {
      id: 'node-0',
      addr: '127.0.0.1:6001',
      zone: 'a',
      peerId,
      p2pAddrs: [`/ip4/127.0.0.1/tcp/7001/p2p/${peerId}`],
    },
  });
  for (const client of clients) await client[Symbol.asyncDispose]();
});

test('a registry with TLS is reached with its pin, and with no other', async () => {
  await using registry = await startRegistry([
    'registry',
    'serve',
    '--make-admin-token',
    '--data',
    folder.path('secure'),
    '--tls',
  ]);
  const { address, adminTokenFile, tlsFingerprint } = registry.ready;
  const pin = String(tlsFingerprint);
  const adminToken = (await readFile(adminTokenFile ?? '', 'utf8')).trim();
  const identity = Identity.generate();
  await using client = new RegistryClient({
    address,
    encoding: 'json',
    tls: { pin },
    identity,
    adminToken,
  });
  await client.register({ hostname: 'node', listenAddress: '127.0.0.1:4000' });
  const { networkId: network } = await client.createNetwork({ name: 'mirrors', joinRule: 'open' });
  const listed = async (tls: Awaited<ReturnType<typeof registryTlsOf>>): Promise<readonly unknown[]> => {
    await using members = registryMemberList({ registry: address, network, tls });
    return await members.list(new AbortController().signal);
  };
  const settings = { registryTls: false, registryPin: undefined, registryCa: undefined };
  const pinned = await registryTlsOf({ ...settings, registryPin: pin });
  expect(await listed(pinned)).toEqual([]);
  const other = await registryTlsOf({ ...settings, registryPin: '0'.repeat(64) });
  await expect(listed(other)).rejects.toMatchObject({ code: 'PIN_MISMATCH' });
  await expect(listed(await registryTlsOf(settings))).rejects.toThrow();
  await expect(registryTlsOf({ ...settings, registryCa: folder.path('none.pem') })).rejects.toMatchObject({
    code: 'FILE_UNUSABLE',
  });
});
