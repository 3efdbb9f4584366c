import { describe, expect, it } from 'vitest';
import { StandbyList } from '../../src/pool/standby-list.ts';

const at = (ID: string) => ({ ID, Addrs: ['/dns4/a.example/tcp/1'] });
const none = () => false;

describe('the standby list (14)', () => {
  it('gives each candidate once, the newest first', () => {
    const list = new StandbyList(32, 600);
    for (const id of ['a', 'b', 'c']) list.add(at(id), 0);
    expect(list.take(2, 0, none).map(({ ID }) => ID)).toEqual(['c', 'b']);
    expect(list.take(2, 0, none).map(({ ID }) => ID)).toEqual(['a']);
  });

  it('forgets after ten minutes, and keeps who is skipped', () => {
    const list = new StandbyList(32, 600);
    list.add(at('a'), 0);
    list.add(at('b'), 500);
    expect(list.take(5, 601, (peer) => peer === 'b')).toEqual([]);
    expect(list.take(5, 601, none).map(({ ID }) => ID)).toEqual(['b']);
  });

  it('is bounded: the oldest goes', () => {
    const list = new StandbyList(2, 600);
    for (const id of ['a', 'b', 'a', 'c']) list.add(at(id), 0);
    expect(list.size).toBe(2);
    list.drop('c');
    expect(list.take(5, 0, none).map(({ ID }) => ID)).toEqual(['a']);
  });
});
