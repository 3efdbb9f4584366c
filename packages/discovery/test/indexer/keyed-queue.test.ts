import { expect, it } from 'vitest';
import { KeyedQueue } from '../../src/indexer/keyed-queue.ts';

function setUp(atOnce: number) {
  const queue = new KeyedQueue<string>(atOnce);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (key: string, name: string): void =>
    queue.add(key, async () => {
      started.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  return { queue, started, add, end };
}

it('runs a few at once and the next when one ends', async () => {
  const { queue, started, add, end } = setUp(2);
  for (const key of ['a', 'b', 'c']) add(key, key);
  expect(started).toEqual(['a', 'b']);
  expect(queue.waiting).toBe(1);
  await end('b');
  expect(started).toEqual(['a', 'b', 'c']);
  expect(queue.running).toBe(2);
});

it('runs one of a key at a time, and only the newest of what waited', async () => {
  const { queue, started, add, end } = setUp(5);
  for (const name of ['a1', 'a2', 'a3']) add('a', name);
  add('b', 'b1');
  expect(started).toEqual(['a1', 'b1']);
  expect(queue.waiting).toBe(1);
  await end('a1');
  expect(started).toEqual(['a1', 'b1', 'a3']);
});

it('drops what waits', async () => {
  const { queue, started, add, end } = setUp(1);
  for (const key of ['a', 'b', 'c']) add(key, key);
  queue.drop('b');
  await end('a');
  expect(started).toEqual(['a', 'c']);
  add('d', 'd');
  queue.clear();
  await end('c');
  expect(started).toEqual(['a', 'c']);
});
