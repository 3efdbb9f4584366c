import type { Random } from '@muster/core';

/** Up to `count` of the items, each equally likely, in random order. The items are left as they are. */
export function sampleOf<T>(items: Iterable<T>, count: number, random: Random): T[] {
  const pool = [...items];
  const taken = Math.min(count, pool.length);
  for (let index = 0; index < taken; index++) {
    const other = index + random.integer(pool.length - index);
    const chosen = pool[other] as T;
    pool[other] = pool[index] as T;
    pool[index] = chosen;
  }
  return pool.slice(0, taken);
}
