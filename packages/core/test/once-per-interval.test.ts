import { expect, test } from 'vitest';
import { OncePerInterval } from '../src/index.ts';

test('a name is news once in a while', () => {
  const names = new OncePerInterval(1_000, 10);
  expect([0, 1, 999, 1_000, 1_001].map((now) => names.admit('a', now))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
});

test('of too many, the oldest are forgotten', () => {
  const names = new OncePerInterval(1_000, 2);
  for (const name of ['a', 'b', 'c']) expect(names.admit(name, 0)).toBe(true);
  expect(names.admit('c', 1)).toBe(false);
  expect(names.admit('b', 1)).toBe(false);
  expect(names.admit('a', 1)).toBe(true);
});
