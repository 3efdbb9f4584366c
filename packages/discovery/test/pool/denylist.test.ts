import { describe, expect, it } from 'vitest';
import { Denylist } from '../../src/pool/denylist.ts';

describe('the denylist', () => {
  it('keeps a peer out until its term ends', () => {
    const list = new Denylist(10);
    list.add('a', 100, 'lied');
    expect(list.has('a', 99)).toBe(true);
    expect(list.list(99)).toEqual([{ peer: 'a', until: 100, reason: 'lied' }]);
    expect(list.has('a', 100)).toBe(false);
    expect(list.list(100)).toEqual([]);
  });

  it('does not shorten a term', () => {
    const list = new Denylist(10);
    list.add('a', 100, 'lied');
    list.add('a', 50, 'failed');
    expect(list.has('a', 75)).toBe(true);
  });

  it('is bounded, and a flood does not push out the longest terms', () => {
    const list = new Denylist(3);
    list.add('liar', 1_000, 'lied');
    for (let i = 0; i < 100; i += 1) list.add(`${i}`, 10 + i, 'failed');
    expect(list.has('liar', 5)).toBe(true);
    expect(list.list(0)).toHaveLength(3);
  });
});
