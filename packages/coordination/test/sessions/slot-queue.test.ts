import { describe, expect, it } from 'vitest';
import { SlotQueue } from '../../src/sessions/slot-queue.ts';

const signal = new AbortController().signal;

describe('SlotQueue', () => {
  it('serves the urgent ones first, each in the order of arrival', async () => {
    const queue = new SlotQueue(1, 10);
    const release = await queue.acquire(false, signal);
    const order: string[] = [];
    const waiting = [
      ['a', false],
      ['B', true],
      ['c', false],
      ['D', true],
    ].map(async ([name, isUrgent]) => {
      const next = await queue.acquire(isUrgent as boolean, signal);
      order.push(name as string);
      next();
    });
    expect(queue.waiting).toBe(4);
    release();
    release();
    await Promise.all(waiting);
    expect(order).toEqual(['B', 'D', 'a', 'c']);
    expect(queue.taken).toBe(0);
  });

  it('who stops waiting takes no slot, and too many are turned away', async () => {
    const queue = new SlotQueue(1, 1);
    const release = await queue.acquire(false, signal);
    const abort = new AbortController();
    const impatient = queue.acquire(false, abort.signal);
    await expect(queue.acquire(true, signal)).rejects.toMatchObject({ code: 'WARM_PATH_EXHAUSTED' });
    abort.abort(new Error('gone'));
    await expect(impatient).rejects.toThrow('gone');
    release();
    (await queue.acquire(false, signal))();
    expect(queue.taken).toBe(0);
  });
});
