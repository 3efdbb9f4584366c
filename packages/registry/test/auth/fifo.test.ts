import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from '../../src/auth/fifo.ts';

it('behaves as an array that is pushed and shifted', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (pushes) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      for (const [index, push] of pushes.entries()) {
        if (push) {
          fifo.push(index);
          model.push(index);
        } else {
          expect(fifo.shift()).toBe(model.shift());
        }
        expect(fifo.length).toBe(model.length);
      }
      while (model.length > 0) expect(fifo.shift()).toBe(model.shift());
      expect(fifo.shift()).toBeUndefined();
    }),
  );
});
