import { seededRandom } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { answerChallenges, buildResponse, chooseSuggestions } from '../../src/indexer/response.ts';
import type { AddrInfo } from '../../src/wire/messages.ts';

const constants = discoveryConstants();
const cacheOf = (count: number): AddrInfo[] =>
  Array.from({ length: count }, (_, i) => ({ ID: `i${i}`, Addrs: ['/ip4/192.0.2.1/tcp/1'] }));
const idsOf = (list: readonly AddrInfo[]): string[] => list.map(({ ID }) => ID);
const all = (): boolean => true;

describe('suggestions (12.3.6)', () => {
  const choose = (size: number, need: number, isOverloaded: boolean, seed = 1, accept = all) =>
    idsOf(chooseSuggestions(cacheOf(size), { need, isOverloaded }, constants, seededRandom(seed), accept));

  it('takes from the start while there is no overload', () => {
    expect(choose(10, 0, false)).toEqual([]);
    expect(choose(10, -4, false)).toEqual([]);
    expect(choose(10, 2, false)).toEqual(['i0', 'i1']);
    expect(choose(3, 9, false)).toEqual(['i0', 'i1', 'i2']);
    expect(choose(0, 3, true)).toEqual([]);
  });

  it('names one at least when overloaded, from a random start in the first five', () => {
    const starts = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const chosen = choose(10, 0, true, seed);
      expect(chosen).toHaveLength(1);
      starts.add(chosen[0] as string);
    }
    expect([...starts].sort()).toEqual(['i0', 'i1', 'i2', 'i3', 'i4']);
  });

  it('wraps around once and names nobody twice', () => {
    for (let seed = 0; seed < 50; seed++) {
      const chosen = choose(6, 5, true, seed);
      expect(new Set(chosen).size).toBe(5);
    }
    const skipping = chooseSuggestions(
      cacheOf(4),
      { need: 3, isOverloaded: true },
      constants,
      { ...seededRandom(1), integer: () => 3 },
      ({ ID }) => ID !== 'i0',
    );
    expect(idsOf(skipping)).toEqual(['i3', 'i1', 'i2']);
  });

  it('does not spread when the cache holds no more than is wanted', () => {
    for (let seed = 0; seed < 50; seed++) expect(choose(3, 3, true, seed)).toEqual(['i0', 'i1', 'i2']);
  });
});

it('answers three challenges at most, in their order', () => {
  const seen = (peer: string): string | undefined => (peer === 'b' ? 'then' : undefined);
  expect(answerChallenges(['a', 'b', 'c', 'd'], constants, seen)).toEqual([
    { peer_id: 'a', found: false },
    { peer_id: 'b', found: true, last_seen: 'then' },
    { peer_id: 'c', found: false },
  ]);
});

it('leaves out what there is nothing to say about', () => {
  const response = buildResponse({
    state: { fillRate: 0.5, peerCount: 1, maxNodes: 2, bornAt: 'born' },
    seq: undefined,
    now: 7,
    challenges: [],
    dht: undefined,
    witnesses: [],
    suggestions: [],
    suggestMigrate: false,
    cachedScore: 0.5,
  });
  expect(response).toEqual({
    fill_rate: 0.5,
    peer_count: 1,
    max_nodes: 2,
    born_at: 'born',
    ts: 7,
    cached_score: 0.5,
  });
});
