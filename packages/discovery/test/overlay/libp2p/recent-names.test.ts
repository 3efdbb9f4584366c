import { expect, test } from 'vitest';
import { RecentNames } from '../../../src/overlay/libp2p/recent-names.ts';

test('a name is news once in a while', () => {
  const names = new RecentNames(1_000, 10);
  expect([0, 1, 999, 1_000, 1_001].map((now) => names.isNews('a', now))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
});

test('of too many, the oldest are forgotten', () => {
  const names = new RecentNames(1_000, 2);
  for (const name of ['a', 'b', 'c']) expect(names.isNews(name, 0)).toBe(true);
  expect(names.isNews('c', 1)).toBe(false);
  expect(names.isNews('b', 1)).toBe(false);
  expect(names.isNews('a', 1)).toBe(true);
});
