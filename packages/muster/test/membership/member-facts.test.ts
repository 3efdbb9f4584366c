import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { chooseIndexers } from '../../src/membership/indexers.ts';
import {
  hostnameOf,
  listenAddressOf,
  MAX_TAGS,
  type MemberFacts,
  multiaddrOf,
  portOf,
  tagsOf,
} from '../../src/membership/member-facts.ts';
import { visibilityOf } from '../../src/membership/open-membership.ts';
import { identityOf, memberOf } from '../support/signed-records.ts';

const facts: MemberFacts = {
  name: 'alpha',
  roles: ['node', 'indexer'],
  p2pPort: 4001,
  tags: [],
  visibility: 'public',
};

describe('how a peer stands in the registry', () => {
  it('has a hostname that the registry takes', () => {
    const names = {
      alpha: 'alpha',
      'Ida_1 (test)': 'ida-1-test',
      'oc-AbC123': 'oc-abc123',
      ä: undefined,
      localhost: undefined,
      '--': undefined,
    };
    for (const [name, hostname] of Object.entries(names))
      expect([name, hostnameOf(name)]).toEqual([name, hostname]);
    expect(hostnameOf(`${'x'.repeat(62)}-y`)).toBe('x'.repeat(62));
  });

  it('says with tags what it is and where it listens; what the registry would refuse is left out', () => {
    expect(
      tagsOf({
        ...facts,
        transferPort: 5001,
        statusPort: 9101,
        zone: 'Rack-A',
        tags: ['gpu', 'node', 'not ok'],
      }),
    ).toEqual(['node', 'indexer', 'p2p-4001', 'transfer-5001', 'status-9101', 'zone-rack-a', 'gpu']);
    expect(tagsOf({ ...facts, zone: 'no tag/at all' })).toEqual(['node', 'indexer', 'p2p-4001']);
    const many = Array.from({ length: 20 }, (_, index) => `t${index}`);
    expect(tagsOf({ ...facts, tags: many })).toHaveLength(MAX_TAGS);
  });

  it('claims a port, and a host only when one is announced', () => {
    expect(listenAddressOf(facts)).toBe(':4001');
    expect(listenAddressOf({ ...facts, announcedHost: '192.0.2.1' })).toBe('192.0.2.1:4001');
    expect(listenAddressOf({ ...facts, announcedHost: '2001:db8::1' })).toBe('[2001:db8::1]:4001');
  });

  it('is reached at the host that the registry has seen, and the port of the tag', () => {
    expect(multiaddrOf('192.0.2.1:9', ['p2p-4001'])).toBe('/ip4/192.0.2.1/tcp/4001');
    expect(multiaddrOf('[2001:db8::1]:9', ['p2p-4001'])).toBe('/ip6/2001:db8::1/tcp/4001');
    expect(multiaddrOf('host.example:9', ['p2p-4001'])).toBe('/dns/host.example/tcp/4001');
    expect(multiaddrOf('192.0.2.1:9', ['p2p-0', 'p2p-70000', 'p2p-1x'])).toBeUndefined();
    expect(multiaddrOf('a/b:9', ['p2p-4001'])).toBeUndefined();
    expect(multiaddrOf(undefined, ['p2p-4001'])).toBeUndefined();
    expect(portOf(['p2p-bad', 'p2p-4002'], 'p2p')).toBe(4002);
  });

  it('shows its address to everybody only when nobody else could reach it, unless it is told to', () => {
    const visibility = (registryVisibility: 'auto' | 'public' | 'private', ...hosts: readonly string[]) =>
      visibilityOf({ registryVisibility }, hosts);
    expect(visibility('auto', '127.0.0.1', '::1')).toBe('public');
    expect(visibility('auto', '127.0.0.1', '0.0.0.0')).toBe('private');
    expect(visibility('public', '0.0.0.0')).toBe('public');
    expect(visibility('private', '127.0.0.1')).toBe('private');
  });
});

describe('the indexers that a node begins with', () => {
  const members = [1, 2, 3, 4, 5].map((seed) =>
    memberOf(identityOf(seed), seed, `indexer-${seed}`, ['indexer']),
  );
  const options = { self: members[0]?.peerId ?? '', count: 2, before: [], random: seededRandom(1) };

  it('are members with the tag and an address, without itself, and no more than it can use', () => {
    const others = [
      memberOf(identityOf(9), 9, 'node'),
      { ...memberOf(identityOf(8), 8, 'gone', ['indexer']), addresses: [] },
    ];
    const chosen = chooseIndexers([...members, ...others], { ...options, count: 10 });
    expect(chosen.map(({ ID }) => ID).toSorted()).toEqual(
      members
        .slice(1)
        .map(({ peerId }) => peerId)
        .toSorted(),
    );
    expect(chooseIndexers(members, options)).toHaveLength(2);
  });

  it('stay while they are members', () => {
    const before = chooseIndexers(members, options);
    for (let round = 0; round < 10; round += 1) {
      expect(chooseIndexers(members, { ...options, before })).toEqual(expect.arrayContaining([...before]));
    }
    const left = members.filter(({ peerId }) => peerId !== before[0]?.ID);
    const after = chooseIndexers(left, { ...options, before });
    expect(after.map(({ ID }) => ID)).toContain(before[1]?.ID);
    expect(after.map(({ ID }) => ID)).not.toContain(before[0]?.ID);
  });
});
