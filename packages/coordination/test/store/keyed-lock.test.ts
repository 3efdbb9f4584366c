import { describe, expect, it } from 'vitest';
import { KeyedLock } from '../../src/store/keyed-lock.ts';

describe('KeyedLock', () => {
  it('orders work on a key, also behind work that fails, and lets other keys pass', async () => {
    const lock = new KeyedLock();
    const gate = Promise.withResolvers<void>();
    const done: string[] = [];
    const first = lock.run('a', async () => {
      await gate.promise;
      done.push('first');
      throw new Error('a failure');
    });
    const second = lock.run('a', async () => void done.push('second'));
    await lock.run('b', async () => void done.push('other'));
    expect(done).toEqual(['other']);
    gate.resolve();
    await expect(first).rejects.toThrow('a failure');
    await second;
    expect(done).toEqual(['other', 'first', 'second']);
    expect(await lock.run('a', async () => 7)).toBe(7);
  });
});
