import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesOf, largeFleet, peer, sequence } from '../../../../benchmarks/dashboard/lab/fleets.ts';
import { mainRole, matchesText, naturalKey, PeerIndex } from '../../page/model/peer-index.ts';
import { EVERY_PEER, type PeerQuery, ROLES, SORT_KEYS, STATES } from '../../page/model/route.ts';

const names = (index: PeerIndex): readonly string[] => index.rows(0, 1_000).map(({ name }) => name);

describe('PeerIndex', () => {
  it('orders names as people do', () => {
    const index = new PeerIndex();
    index.apply(['node-10', 'node-9', 'Alpha', 'beta'].map((name) => peer(name)));
    expect(names(index)).toEqual(['Alpha', 'beta', 'node-9', 'node-10']);
    index.setQuery({ ...EVERY_PEER, isDescending: true });
    expect(names(index)).toEqual(['node-10', 'node-9', 'beta', 'Alpha']);
    expect(index.position('beta')).toBe(2);
    expect(index.position('nobody')).toBe(-1);
    expect(naturalKey('x'.repeat(1_000)).length).toBe(200);
  });

  it('counts peers once, by the most important of their roles', () => {
    const index = new PeerIndex();
    index.apply([peer('a', { roles: ['node', 'indexer'] }), peer('b'), peer('c', { roles: [] })]);
    expect(index.counts('indexer').online).toBe(1);
    expect(index.counts('node').online).toBe(2);
    index.apply([peer('b', { state: 'gone' })], ['a']);
    expect(index.counts('indexer').online).toBe(0);
    expect(index.counts('node')).toEqual({ online: 1, stale: 0, unreachable: 0, gone: 1 });
    expect(mainRole({ roles: ['mirror', 'registry'] })).toBe('registry');
  });

  it('searches names, ids, addresses, tags, networks, roles and states', () => {
    const one = peer('12D3Koo', {
      name: 'Alpha',
      tags: ['zone-a', 'p2p-4001'],
      networks: [2],
      address: '10.0.0.7:4001',
      nodeId: 42,
    });
    for (const text of [
      'alp',
      '12d3k',
      '10.0.0.7',
      'tag:zone-a',
      'net:2',
      'role:node',
      'state:on',
      '42',
      'alpha  tag:p2p',
      '',
    ])
      expect(matchesText(one, text), text).toBe(true);
    for (const text of ['beta', 'tag:zone-b', 'net:1', 'role:mirror', 'state:gone', 'alpha beta'])
      expect(matchesText(one, text), text).toBe(false);
    expect(matchesText(one, 'tag:'), 'a field without a value is a word').toBe(false);
  });

  it('finds at once what has come while a search is open', () => {
    const index = new PeerIndex();
    index.setQuery({ ...EVERY_PEER, text: 'zone-b', state: 'online' });
    index.apply([peer('a', { tags: ['zone-a'] })]);
    expect(index.matching).toBe(0);
    index.apply([peer('a', { tags: ['zone-b'] }), peer('b', { tags: ['zone-b'], state: 'gone' })]);
    expect(names(index)).toEqual(['a']);
  });

  it('gives after any changes what sorting everything would give', () => {
    const query = fc.record<PeerQuery>({
      text: fc.constantFrom('', 'a', 'tag:t1'),
      role: fc.constantFrom(undefined, ...ROLES),
      state: fc.constantFrom(undefined, ...STATES),
      sort: fc.constantFrom(...SORT_KEYS),
      isDescending: fc.boolean(),
    });
    const view = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      name: fc.constantFrom('a1', 'a10', 'a2', 'z'),
      state: fc.constantFrom(...STATES),
      roles: fc.subarray([...ROLES], { maxLength: 2 }),
      lastSeenAt: fc.integer({ min: 0, max: 5 }),
      tags: fc.subarray(['t1', 't2']),
      networks: fc.subarray([1, 2]),
    });
    const step = fc.record({
      changed: fc.array(view, { maxLength: 5 }),
      removed: fc.subarray(['a', 'b', 'c']),
    });
    fc.assert(
      fc.property(query, fc.array(step, { maxLength: 8 }), (wanted, steps) => {
        const index = new PeerIndex();
        index.setQuery(wanted);
        const state = new Map<string, ReturnType<typeof peer>>();
        for (const { changed, removed } of steps) {
          index.apply(
            changed.map(({ id, ...more }) => peer(id, more)),
            removed,
          );
          for (const id of removed) state.delete(id);
          for (const { id, ...more } of changed) state.set(id, peer(id, more));
        }
        const fresh = new PeerIndex();
        fresh.apply([...state.values()]);
        fresh.setQuery(wanted);
        expect(index.rows(0, 100)).toEqual(fresh.rows(0, 100));
        expect(index.size).toBe(state.size);
        for (const role of ROLES) expect(index.counts(role)).toEqual(fresh.counts(role));
      }),
    );
  });

  it('keeps ten thousand peers in order', () => {
    const fleet = largeFleet(1_000_000, 10_000);
    const index = new PeerIndex();
    index.apply(fleet.peers);
    index.setQuery({ ...EVERY_PEER, sort: 'seen', isDescending: true });
    const random = sequence(3);
    for (let turn = 1; turn <= 20; turn++) index.apply(changesOf(fleet, 100, 1_000_000 + turn, random));
    expect(index.matching).toBe(10_000);
    const seen = index.rows(0, 10_000).map(({ lastSeenAt }) => lastSeenAt ?? 0);
    expect(seen).toEqual([...seen].sort((a, b) => b - a));
  });
});
