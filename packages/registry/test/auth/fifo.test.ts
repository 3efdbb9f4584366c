import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from '../../src/auth/fifo.ts';

it('behaves as an array that is pushed and shifted', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -90, max: 100 }), { maxLength: 30 }), (runs) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const run of runs) {
        for (let i = 0; i < run; i++) {
          fifo.push(next);
          model.push(next++);
        }
        for (let i = run; i < 0; i++) expect(fifo.shift()).toBe(model.shift());
        expect(fifo.length).toBe(model.length);
      }
      while (model.length > 0) expect(fifo.shift()).toBe(model.shift());
      expect(fifo.shift()).toBeUndefined();
    }),
  );
});
