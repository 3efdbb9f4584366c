import { describe, expect, it } from 'vitest';
import { keepEndorsed, tallyCandidates } from '../../src/pool/consensus-tally.ts';

const at = (ID: string, address = `/dns4/${ID}.example/tcp/1`) => ({ ID, Addrs: [address] });
const none = () => false;

describe('the tally of candidates (14.5 step 2)', () => {
  it('counts distinct voters, merges addresses, and orders by endorsements, then id', () => {
    const votes = [[at('b'), at('a'), at('a', '/dns4/other.example/tcp/1')], [at('b')], [at('c')]];
    expect(tallyCandidates(votes, none)).toEqual([
      { ...at('b'), endorsements: 2 },
      { ID: 'a', Addrs: ['/dns4/a.example/tcp/1', '/dns4/other.example/tcp/1'], endorsements: 1 },
      { ...at('c'), endorsements: 1 },
    ]);
  });

  it('drops those that are skipped', () => {
    expect(tallyCandidates([[at('a'), at('b')]], (peer) => peer === 'a')).toHaveLength(1);
  });
});

describe('endorsements (14.5 step 3)', () => {
  const candidates = tallyCandidates(
    [
      [at('a'), at('x')],
      [at('a'), at('b')],
      [at('b'), at('c')],
    ],
    none,
  );
  const keep = (voters: number, need: number, withRecord: readonly string[] = []) =>
    keepEndorsed(candidates, { voters, need, hasRecord: (peer) => withRecord.includes(peer) }).map(
      ({ ID }) => ID,
    );

  it('DEF-26: let no single voter carry its candidate when three have answered', () => {
    expect(keep(3, 2)).toEqual(['a', 'b']);
  });

  it('are replaced by a valid indexer record', () => {
    expect(keep(3, 3, ['c'])).toEqual(['a', 'b', 'c']);
  });

  it('leave the rest in order when too few are left', () => {
    expect(keep(3, 3)).toEqual(['a', 'b', 'c', 'x']);
  });

  it('are not asked for with fewer voters', () => {
    expect(keep(2, 1)).toHaveLength(4);
  });
});
