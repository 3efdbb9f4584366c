import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { expect, it } from 'vitest';
import { ensureFleetNetwork } from '../../src/dev/fleet-network.ts';
import { RegistryNumbers } from '../../src/dev/registry-numbers.ts';
import { systemTimers } from '@muster/core';
import { startRegistry } from '../support/running-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
const adminToken = 'an admin token of tests';
const owner = Identity.generate();
const SERVE = ['registry', 'serve', '--admin-token', adminToken];

it('the network of a fleet is made once, asks for its token, and is found again', async () => {
  const data = ['--data', folder.path('registry')];
  const facts = { adminToken, networkToken: 'sesame', owner, ownerName: 'indexer-1' };
  let network: number;
  {
    await using registry = await startRegistry([...SERVE, ...data]);
    const { address } = registry.ready;
    network = await ensureFleetNetwork({ ...facts, registry: address, isNewToken: true });
    await using guest = new RegistryClient({ address, identity: Identity.generate(), encoding: 'json' });
    await guest.register();
    await expect(guest.joinNetwork(network, { token: 'other' })).rejects.toThrow();
    await guest.joinNetwork(network, { token: 'sesame' });
  }
  await using registry = await startRegistry([...SERVE, ...data]);
  const again = { ...facts, registry: registry.ready.address };
  expect(await ensureFleetNetwork({ ...again, isNewToken: false })).toBe(network);
  await expect(ensureFleetNetwork({ ...again, isNewToken: true })).rejects.toMatchObject({
    code: 'FLEET_FOLDER_DAMAGED',
  });
});

it('a network that others have made is not taken for it', async () => {
  await using registry = await startRegistry([...SERVE, '--in-memory']);
  const { address } = registry.ready;
  await using client = new RegistryClient({ address, identity: owner, encoding: 'json', adminToken });
  await client.register();
  await client.createNetwork({ name: 'fleet', joinRule: 'open' });
  const facts = {
    registry: address,
    adminToken,
    networkToken: 'x',
    isNewToken: false,
    owner,
    ownerName: 'indexer-1',
  };
  await expect(ensureFleetNetwork(facts)).rejects.toMatchObject({
    code: 'FLEET_FOLDER_DAMAGED',
    message: expect.stringContaining('open') as string,
  });
});

it('numbers of peers are found when they register, with the registry gone for a while', async () => {
  await using registry = await startRegistry([...SERVE, '--in-memory']);
  const { address } = registry.ready;
  const network = await ensureFleetNetwork({
    registry: address,
    adminToken,
    networkToken: 'sesame',
    isNewToken: true,
    owner,
    ownerName: 'indexer-1',
  });
  const peer = Identity.generate();
  const wanted = new Set([peer.peerId, owner.peerId]);
  const found = new Map<string, number>();
  const numbers = new RegistryNumbers({
    timers: systemTimers,
    registry: address,
    network: () => network,
    wanted: () => [...wanted],
    onFound: (peerId, nodeId) => {
      wanted.delete(peerId);
      found.set(peerId, nodeId);
    },
  });
  numbers.look();
  numbers.look();
  await until('the owner is found', () => found.has(owner.peerId));
  await using client = new RegistryClient({ address, identity: peer, encoding: 'json' });
  const { nodeId } = await client.register();
  await client.joinNetwork(network, { token: 'sesame' });
  await until('the peer is found', () => found.get(peer.peerId) === nodeId);
  numbers.look();
  await numbers.stop();
});
