import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arena } from '../../src/model/arena.ts';

const length = fc.oneof(fc.nat(100), fc.nat(5000), fc.constantFrom(0, 16, 17, 4095, 4096, 4097));

it('keeps the bytes of every block apart, whatever is allocated and released', () => {
  const step = fc.oneof(fc.record({ length }), fc.record({ release: fc.nat() }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const arena = new Arena();
      const blocks: { reference: number; bytes: Buffer }[] = [];
      let fill = 0;
      for (const one of steps) {
        if ('release' in one) {
          const [gone] = blocks.splice(one.release % Math.max(1, blocks.length), 1);
          if (gone !== undefined) arena.release(gone.reference, gone.bytes.length);
          continue;
        }
        const reference = arena.allocate(one.length);
        const bytes = Buffer.alloc(one.length, ++fill);
        arena.locate(reference);
        arena.buffer.set(bytes, arena.offset);
        blocks.push({ reference, bytes });
      }
      expect(new Set(blocks.map((block) => block.reference)).size).toBe(blocks.length);
      for (const { reference, bytes } of blocks) {
        expect(reference).not.toBe(0);
        arena.locate(reference);
        expect(arena.buffer.subarray(arena.offset, arena.offset + bytes.length).equals(bytes)).toBe(true);
      }
    }),
  );
});

it('uses released memory again', () => {
  const arena = new Arena();
  const block = (): number => arena.allocate(3000);
  const first = Array.from({ length: 1000 }, block);
  const before = arena.allocatedBytes;
  for (let round = 0; round < 10; round++) {
    for (const reference of first.splice(0)) arena.release(reference, 3000);
    first.push(...Array.from({ length: 1000 }, block));
  }
  expect(arena.allocatedBytes).toBe(before);
});

it('gives the reference of a released large block out again, so that they never run out', () => {
  const arena = new Arena();
  const first = arena.allocate(10_000);
  arena.release(first, 10_000);
  expect(arena.allocatedBytes).toBe(0);
  expect(arena.allocate(20_000)).toBe(first);
});

it('ignores the release of nothing', () => {
  const arena = new Arena();
  arena.release(0, 100);
  expect(arena.allocate(100)).not.toBe(arena.allocate(100));
});
