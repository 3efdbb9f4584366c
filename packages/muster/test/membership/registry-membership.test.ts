import { writeFile } from 'node:fs/promises';
import { recordingLogger, systemClock, systemTimers } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MemberFacts } from '../../src/membership/member-facts.ts';
import { readMembersFile } from '../../src/membership/members-file.ts';
import { PeerPolicy } from '../../src/membership/peer-policy.ts';
import {
  RegistryMembership,
  type RegistryMembershipOptions,
} from '../../src/membership/registry-membership.ts';
import { FleetRegistry, NETWORK_TOKEN } from '../support/fleet-registry.ts';
import { identityOf } from '../support/signed-records.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();

async function open(
  registry: Pick<FleetRegistry, 'address' | 'network'>,
  options: Partial<RegistryMembershipOptions> = {},
) {
  const logger = recordingLogger();
  const membership = await RegistryMembership.open({
    registry: registry.address,
    tls: false,
    network: registry.network,
    networkToken: NETWORK_TOKEN,
    heartbeatMs: 1_000,
    refreshMs: 200,
    membersFile: undefined,
    deregisterAtStop: false,
    version: '0.1.0',
    clock: systemClock,
    timers: systemTimers,
    logger,
    ...options,
  });
  onTestFinished(async () => await membership.stop());
  return { membership, logger };
}

function factsOf(name: string, more: Partial<MemberFacts> = {}): MemberFacts {
  return { name, roles: ['node'], p2pPort: 4001, tags: [], visibility: 'public', ...more };
}

async function namesOf(membership: RegistryMembership, ...names: readonly string[]): Promise<void> {
  await until(`the members are ${names.join()}`, () => {
    const found = membership.list()?.flatMap(({ name }) => name ?? []);
    return found?.toSorted().join() === [...names].toSorted().join();
  });
}

const [one, two] = [identityOf(1), identityOf(2)] as [Identity, Identity];

describe('belonging to a registry', () => {
  it('never waits for it: it starts without, and is a member once it is there', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    await registry.stop();
    const { membership, logger } = await open(registry);
    membership.start(one, factsOf('alpha'));
    await until('it says so', () =>
      logger.entries.some(({ message }) => message.startsWith('not registered')),
    );
    expect(membership.list()).toBeUndefined();
    expect(membership.warnings).toEqual([]);
    expect(membership.state.kind).toBe('failing');
    await registry.startAgain();
    await namesOf(membership, 'alpha', 'owner');
    expect(membership.state).toMatchObject({ kind: 'registered', isMember: true });
    expect(membership.confirmedAt).toBeGreaterThan(0);
  });

  it('tells members where private ones are, and strangers nothing', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const [alpha, beta] = [await open(registry), await open(registry)];
    alpha.membership.start(one, factsOf('alpha', { visibility: 'private', p2pPort: 4005 }));
    beta.membership.start(two, factsOf('beta', { visibility: 'private' }));
    await until(
      'beta knows where alpha is',
      () => beta.membership.member(one.peerId)?.addresses[0] === '/ip4/127.0.0.1/tcp/4005',
    );
    const { nodeId } = beta.membership.member(one.peerId) ?? {};
    expect((await registry.owner.lookup(nodeId ?? 0)).visibility).toBe('private');
  });

  it('is registered again after it was forgotten, and not a member again after it was removed', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const { membership } = await open(registry);
    membership.start(one, factsOf('alpha', { tags: ['blue'] }));
    await namesOf(membership, 'alpha', 'owner');
    const { nodeId = 0 } = membership.member(one.peerId) ?? {};
    await registry.owner.deregister({ nodeId });
    await namesOf(membership, 'owner');
    await namesOf(membership, 'alpha', 'owner');
    expect(membership.member(one.peerId)).toMatchObject({ nodeId, tags: ['node', 'p2p-4001', 'blue'] });
    await registry.owner.leaveNetwork(registry.network, { nodeId });
    await namesOf(membership, 'owner');
    await until('it goes on as a node', () => membership.state.kind === 'registered');
    expect((await registry.owner.lookup(nodeId)).networks).toEqual([0]);
  });

  it('goes on without a network or a name that the registry does not give it, and says so', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const { membership, logger } = await open(registry, { networkToken: 'wrong' });
    membership.start(one, factsOf('owner'));
    await until('it is a node', () => membership.state.kind === 'registered');
    expect(membership.state).toMatchObject({ isMember: false });
    const messages = logger.entries.map(({ message }) => message);
    expect(messages).toContain('the registry does not know this node by its name');
    expect(messages).toContain('the registry does not let this node into the network');
  });

  it('ends with heartbeats, or by leaving the registry when that is asked for', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const [stays, leaves] = [await open(registry), await open(registry, { deregisterAtStop: true })];
    stays.membership.start(one, factsOf('stays'));
    leaves.membership.start(two, factsOf('leaves'));
    await namesOf(stays.membership, 'leaves', 'owner', 'stays');
    await until('it is registered', () => leaves.membership.state.kind === 'registered');
    await stays.membership.stop();
    await leaves.membership.stop();
    const { nodes } = await registry.owner.listNodes(registry.network);
    expect(nodes.map((node) => node.state === 'live' && node.hostname).toSorted()).toEqual([
      'owner',
      'stays',
    ]);
  });

  it('belongs to no network when none is named: then there is no list, and nobody is kept out', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const { membership } = await open({ ...registry, address: registry.address, network: 0 });
    membership.start(one, factsOf('alpha'));
    await until('it is a node', () => membership.state.kind === 'registered');
    expect(membership.list()).toBeUndefined();
    expect(new PeerPolicy(membership, []).judge(two.peerId)).toBe('allowed');
  });
});

describe('the list that is kept', () => {
  it('is used at the next start, however that ends for the registry', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const membersFile = folder.path('data', 'members.json');
    const { membership } = await open(registry, { membersFile });
    membership.start(one, factsOf('alpha'));
    await namesOf(membership, 'alpha', 'owner');
    await membership.stop();
    await registry.stop();
    expect((await readMembersFile(membersFile)).kind).toBe('found');
    const again = await open(registry, { membersFile });
    expect(again.membership.warnings).toEqual([]);
    expect(again.membership.list()?.map(({ name }) => name)).toEqual(['owner', 'alpha']);
    const policy = new PeerPolicy(again.membership, []);
    expect(policy.judge(one.peerId)).toBe('allowed');
    expect(policy.judge(two.peerId)).toBe('refused');
    expect(new PeerPolicy(again.membership, [two.peerId]).judge(two.peerId)).toBe('allowed');
  });

  it('is not used when it is damaged or of another network: that is said, and the pre-shared key decides', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const membersFile = folder.path('members.json');
    await writeFile(membersFile, '{"version":1,"members":[');
    const { membership } = await open(registry, { membersFile });
    expect(membership.warnings).toEqual([
      expect.stringContaining('is damaged'),
      expect.stringContaining('whoever has the pre-shared key may connect'),
    ]);
    expect(new PeerPolicy(membership, []).judge(two.peerId)).toBe('allowed');
    // What the registry tells takes its place.
    membership.start(one, factsOf('alpha'));
    await namesOf(membership, 'alpha', 'owner');
    await until('the file is whole', async () => (await readMembersFile(membersFile)).kind === 'found');
  });
});

describe('who may connect', () => {
  it('are members, also those of a moment ago; a cut of a drill comes on top', async () => {
    await using registry = await FleetRegistry.start(folder.path('registry'));
    const { membership } = await open(registry, { refreshMs: 600_000 });
    const policy = new PeerPolicy(membership, []);
    let changes = 0;
    const stopListening = policy.onChange(() => (changes += 1));
    membership.start(one, factsOf('alpha'));
    await namesOf(membership, 'alpha', 'owner');
    const newcomer = await open(registry);
    newcomer.membership.start(two, factsOf('beta'));
    await until('beta is a member', () => newcomer.membership.state.kind === 'registered');
    expect(policy.judge(two.peerId)).toBe('refused');
    await policy.reconsider(two.peerId);
    expect(policy.judge(two.peerId)).toBe('allowed');
    const before = changes;
    policy.cut([two.peerId]);
    expect(policy.judge(two.peerId)).toBe('unreachable');
    policy.cut([]);
    expect(policy.judge(two.peerId)).toBe('allowed');
    expect(changes - before).toBe(2);
    stopListening();
    // With the registry gone nobody waits.
    await registry.stop();
    await policy.reconsider(identityOf(3).peerId);
    expect(policy.judge(identityOf(3).peerId)).toBe('refused');
  });
});
