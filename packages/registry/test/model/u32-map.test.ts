import fc from 'fast-check';
import { expect, it } from 'vitest';
import { U32Map } from '../../src/model/u32-map.ts';

const key = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }));

it('does what a Map does, whatever is set and deleted', () => {
  const step = fc.tuple(fc.constantFrom('set', 'delete', 'get'), key, fc.nat(1_000_000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const map = new U32Map();
      const model = new Map<number, number>();
      for (const [what, k, value] of steps) {
        if (what === 'set') {
          map.set(k, value);
          model.set(k, value);
        } else if (what === 'delete') {
          map.delete(k);
          model.delete(k);
        }
        expect(map.get(k)).toBe(model.get(k) ?? -1);
        expect(map.size).toBe(model.size);
      }
      for (const [k, value] of model) expect(map.get(k)).toBe(value);
    }),
  );
});

it('keeps a hundred thousand sequential and spread keys through growth, and forgets the deleted half', () => {
  const map = new U32Map();
  const keys = Array.from({ length: 100_000 }, (_, i) =>
    i % 2 === 0 ? i + 1 : (i * 2_654_435_761) >>> 0 || 1,
  );
  const model = new Map(keys.map((k, i) => [k, i]));
  for (const [k, value] of model) map.set(k, value);
  expect(map.size).toBe(model.size);
  let i = 0;
  for (const k of model.keys()) {
    if (i++ % 2 === 0) continue;
    map.delete(k);
    model.delete(k);
  }
  expect(map.size).toBe(model.size);
  expect(keys.every((k) => map.get(k) === (model.get(k) ?? -1))).toBe(true);
});

it('takes the largest key', () => {
  const map = new U32Map();
  map.set(0xffff_ffff, 7);
  expect(map.get(0xffff_ffff)).toBe(7);
  expect(map.get(0xffff_fffe)).toBe(-1);
});

it('gives keys their place when their range becomes dense, and takes sparse ones all the same', () => {
  const map = new U32Map();
  const model = new Map<number, number>();
  const set = (k: number, value: number): void => {
    map.set(k, value);
    model.set(k, value);
  };
  // Far ahead of the others, so not yet in the dense part.
  for (let k = 40_000; k < 40_100; k++) set(k, k + 7);
  for (let k = 1; k < 60_000; k += k < 30_000 ? 1 : 3) set(k, k + 1);
  for (let k = 5; k < 60_000; k += 10) {
    map.delete(k);
    model.delete(k);
  }
  // Long after the first ones are gone, ids lie beyond what the dense part makes room for.
  for (let k = 10_000_000; k < 10_020_000; k++) set(k, k - 10_000_000);
  for (const k of [1, 40_000, 10_000_000]) set(k, 1);
  expect(map.size).toBe(model.size);
  for (let k = 0; k < 70_000; k++) expect(map.get(k)).toBe(model.get(k) ?? -1);
  for (const [k, value] of model) expect(map.get(k)).toBe(value);
});
