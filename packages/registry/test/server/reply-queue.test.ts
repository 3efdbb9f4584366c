import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplyQueue } from '../../src/server/reply-queue.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), bytes: fc.nat({ max: 9_000 }), seq: fc.nat({ max: 30 }) }),
  fc.record({ kind: fc.constant('take' as const), seq: fc.nat({ max: 30 }) }),
);

test('gives answers in order, none before its event and those in front of it are durable, and counts what waits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ReplyQueue();
      let waiting: { readonly bytes: Buffer; readonly seq: number }[] = [];
      let number = 0;
      for (const one of steps) {
        if (one.kind === 'add') {
          const bytes = Buffer.alloc(one.bytes, ++number);
          queue.add(bytes, one.seq);
          waiting.push({ bytes, seq: one.seq });
        } else {
          const blocked = waiting.findIndex(({ seq }) => seq > one.seq);
          const free = blocked < 0 ? waiting : waiting.slice(0, blocked);
          waiting = waiting.slice(free.length);
          const taken = Buffer.concat(queue.take(one.seq));
          expect(taken.equals(Buffer.concat(free.map(({ bytes }) => bytes)))).toBe(true);
        }
        expect(queue.length).toBe(waiting.length);
        expect(queue.bytes).toBe(waiting.reduce((sum, { bytes }) => sum + bytes.length, 0));
      }
      queue.clear();
      expect([queue.length, queue.bytes, queue.take(99)]).toEqual([0, 0, []]);
    }),
    { numRuns: 500 },
  );
});
