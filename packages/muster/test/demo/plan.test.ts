import { loadConfig } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { discoveryConfigOf, discoverySettings } from '@muster/discovery/config';
import { describe, expect, it } from 'vitest';
import { memberNames, nodeName, type PlannedMember, planDemo } from '../../src/demo/plan.ts';

function plan(
  indexers: number,
  nodes: number,
): { members: readonly PlannedMember[]; ids: readonly string[] } {
  const ids = Array.from({ length: indexers }, () => Identity.generate().peerId);
  const ports = Array.from({ length: indexers + nodes }, (_, index) => 4001 + index);
  const rest = { folder: '/demo', pskPath: '/demo/psk.key', logLevel: 'warn' };
  return { ids, members: planDemo({ indexers, nodes, ports, indexerIds: ids, ...rest }) };
}

/** What a member makes of its flags. */
function seedsOf({ flags }: PlannedMember): readonly string[] {
  const { settings } = discoveryConfigOf(loadConfig(discoverySettings, { flags }), {});
  return settings.indexerAddresses.map(({ ID, Addrs }) => `${Addrs.join()} ${ID}`);
}

describe('a demo', () => {
  it('of two and two is the layout of the original: ports 4001 to 4004, seeds crosswise', () => {
    const { members, ids } = plan(2, 2);
    const [first, second] = ids;
    expect(members.map(({ name, role, port }) => [name, role, port])).toEqual([
      ['indexer-1', 'indexer', 4001],
      ['indexer-2', 'indexer', 4002],
      ['alpha', 'node', 4003],
      ['bravo', 'node', 4004],
    ]);
    const one = `/ip4/127.0.0.1/tcp/4001 ${first}`;
    const two = `/ip4/127.0.0.1/tcp/4002 ${second}`;
    expect(members.map(seedsOf)).toEqual([[two], [one], [two], [one]]);
  });

  it.each([
    [1, 0],
    [1, 3],
    [5, 20],
    [50, 60],
  ])('of %i indexers and %i nodes has settings that are taken, and names that differ', (indexers, nodes) => {
    const { members } = plan(indexers, nodes);
    expect(members).toHaveLength(indexers + nodes);
    expect(new Set(members.map(({ name }) => name)).size).toBe(indexers + nodes);
    for (const member of members) {
      const seeds = seedsOf(member);
      expect(seeds).toHaveLength(member.role === 'node' ? 1 : indexers - 1);
      expect(seeds.join()).not.toContain(`/tcp/${member.port} `);
      expect(member.folder).toBe(`/demo/${member.name}`);
    }
  });

  it('names nodes after the alphabet', () => {
    expect([0, 25, 26, 51, 52].map(nodeName)).toEqual(['alpha', 'zulu', 'alpha-2', 'zulu-2', 'alpha-3']);
    expect(memberNames(2, 1)).toEqual(['indexer-1', 'indexer-2', 'alpha']);
  });
});
