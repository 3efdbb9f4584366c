import { expect, it } from 'vitest';
import { Testimony } from '../../src/pool/testimony.ts';

it('three denials that outnumber the confirmations are slander, fewer are not', () => {
  const testimony = new Testimony();
  testimony.note('w', 'a', false);
  testimony.note('w', 'b', false);
  expect(testimony.isDoubtful('w')).toBe(true);
  expect(testimony.slandered('w')).toBe(0);
  testimony.note('w', 'c', false);
  expect(testimony.slandered('w')).toBe(3);
  for (const indexer of ['d', 'e', 'f']) testimony.note('w', indexer, true);
  expect(testimony.slandered('w')).toBe(0);
});

it('the newest word about an indexer counts, and none about those that have left', () => {
  const testimony = new Testimony();
  for (const indexer of ['a', 'b', 'c']) testimony.note('w', indexer, false);
  testimony.note('w', 'a', true);
  expect(testimony.slandered('w')).toBe(0);
  testimony.note('w', 'a', false);
  testimony.forget('b');
  expect(testimony.slandered('w')).toBe(0);
  expect(testimony.hasSpokenOf('w', 'b')).toBe(false);
  testimony.forget('w');
  expect(testimony.isDoubtful('w')).toBe(false);
});

it('a witness that nobody has heard is not doubted', () => {
  const testimony = new Testimony();
  expect(testimony.isDoubtful('w')).toBe(false);
  expect(testimony.slandered('w')).toBe(0);
});
