import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Shortlist } from '../../../src/overlay/libp2p/shortlist.ts';

/** A place whose distance from the target 0 is the number. */
function place(distance: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, distance);
  return bytes;
}

function listOf(...distances: readonly number[]): Shortlist<number> {
  const list = new Shortlist<number>(place(0), 8);
  for (const distance of distances) list.add(String(distance), place(distance), distance);
  return list;
}

test('the nearest are asked first, each once', () => {
  const list = listOf(5, 1, 3);
  list.add('1', place(1), 1);
  expect([list.next(3), list.next(3), list.next(3)].map((next) => next?.peer)).toEqual([1, 3, 5]);
  expect(list.next(3)).toBeUndefined();
});

test('a walk is settled when the nearest have answered, and not before', () => {
  const list = listOf(1, 2, 3, 4);
  for (const id of ['1', '2']) {
    list.next(2);
    expect(list.isSettled(2)).toBe(false);
    list.settle(id, 'answered');
  }
  expect(list.isSettled(2)).toBe(true);
  expect(list.next(2)).toBeUndefined();
});

test('one that fails is passed over, one that is named and nearer comes first', () => {
  const list = listOf(2, 3, 4);
  list.settle('2', 'failed');
  expect(list.nearest(2)).toEqual([3, 4]);
  list.settle('3', 'answered');
  list.settle('4', 'answered');
  list.add('1', place(1), 1);
  expect(list.isSettled(2)).toBe(false);
  expect(list.next(2)?.peer).toBe(1);
});

test('nobody is known: settled', () => {
  expect(listOf().isSettled(3)).toBe(true);
});

test('only the nearest are kept, and who was asked is not asked again', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 60 }), (distances) => {
      const list = listOf(...distances);
      const sorted = distances.toSorted((a, b) => a - b).slice(0, 8);
      expect(list.nearest(100)).toEqual(sorted);
      const asked: number[] = [];
      for (let next = list.next(100); next !== undefined; next = list.next(100)) asked.push(next.peer);
      for (const distance of distances) list.add(String(distance), place(distance), distance);
      expect(asked).toEqual(sorted);
      expect(list.next(100)).toBeUndefined();
    }),
  );
});
