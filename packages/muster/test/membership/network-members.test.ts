import { RegistryClient } from '@muster/client';
import { recordingLogger, systemClock, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { ListedMember } from '../../src/membership/confirmed-list.ts';
import { NetworkMembers } from '../../src/membership/network-members.ts';
import { FleetRegistry, NETWORK_TOKEN } from '../support/fleet-registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();

/** A member of the network, and what it sees of the others. */
async function watching(registry: FleetRegistry) {
  const client = new RegistryClient({
    address: registry.address,
    identity: Identity.generate(),
    encoding: 'json',
  });
  await client.register({ hostname: 'alpha' });
  await client.joinNetwork(registry.network, { token: NETWORK_TOKEN });
  const seen = { members: [] as readonly ListedMember[], looks: 0 };
  const lookup = vi.spyOn(client, 'lookup');
  const members = new NetworkMembers({
    client,
    network: registry.network,
    refreshMs: 20,
    clock: systemClock,
    timers: systemTimers,
    logger: recordingLogger(),
    before: [],
    onList: (list) => {
      seen.members = list;
      seen.looks += 1;
    },
  });
  members.start();
  onTestFinished(async () => {
    await members.stop();
    await client.close();
  });
  const looks = async (more: number): Promise<void> => {
    const wanted = seen.looks + more;
    await until(`${more} more looks`, () => seen.looks >= wanted);
  };
  return { seen, lookup, looks };
}

it('asks about members again only when there is a sign of a change, and a changed key is one', async () => {
  await using registry = await FleetRegistry.start(folder.path('registry'));
  const { seen, lookup, looks } = await watching(registry);
  await until('both are listed', () => seen.members.length === 2);
  const ofOwner = (): string | undefined => seen.members.find(({ name }) => name === 'owner')?.peerId;
  const before = ofOwner();
  await looks(2);
  const asked = lookup.mock.calls.length;
  await looks(10);
  expect(lookup.mock.calls.length).toBe(asked);
  // The list shows no keys: that the registry names the node is the only sign.
  const next = Identity.generate();
  await registry.owner.rotateKey(next);
  await until('the new key is known', () => ofOwner() === next.peerId);
  expect(before).not.toBe(next.peerId);
  expect(lookup.mock.calls.length).toBe(asked + 1);
});
