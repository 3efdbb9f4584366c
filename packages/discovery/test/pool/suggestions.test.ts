import { describe, expect, it } from 'vitest';
import { acceptSuggestions } from '../../src/pool/suggestions.ts';
import { testPeer } from '../support/identities.ts';

const at = (number: number, address = `/ip4/100.64.${number}.1/tcp/4001`) => ({
  ID: testPeer(number),
  Addrs: [address],
});
const options = {
  mode: 'soft' as const,
  maxPool: 5,
  pool: [],
  need: 1,
  allowLoopback: false,
  skip: (): boolean => false,
};

describe('suggestions (14.2)', () => {
  it('DEF-23: are taken up to one more than we need, so that one indexer cannot fill the pool', () => {
    const friends = [1, 2, 3, 4, 5, 6].map((number) => at(number));
    expect(acceptSuggestions(friends, options)).toHaveLength(2);
    expect(acceptSuggestions(friends, { ...options, need: 0 })).toHaveLength(1);
  });

  it('are skipped when they are us, known, kept out, unusable, or named twice', () => {
    const offered = [
      at(1),
      at(2),
      at(2),
      at(3, '/ip4/127.0.0.1/tcp/1'),
      { ID: 'nonsense', Addrs: ['/ip4/1.2.3.4/tcp/1'] },
    ];
    const accepted = acceptSuggestions(offered, {
      ...options,
      need: 5,
      skip: (peer) => peer === testPeer(1),
    });
    expect(accepted.map(({ ID }) => ID)).toEqual([testPeer(2)]);
  });

  it('DEF-30: may have DNS addresses, and loopback ones where that is allowed', () => {
    const offered = [at(1, '/dns4/a.example/tcp/1'), at(2, '/ip4/127.0.0.1/tcp/1')];
    expect(acceptSuggestions(offered, { ...options, need: 5 })).toHaveLength(1);
    expect(acceptSuggestions(offered, { ...options, need: 5, allowLoopback: true })).toHaveLength(2);
  });
});
