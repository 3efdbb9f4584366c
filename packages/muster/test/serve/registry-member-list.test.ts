import { readFile } from 'node:fs/promises';
import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { expect, test } from 'vitest';
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
