import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HashIndex, KeyedHash } from '../../src/model/hash-index.ts';

/** Few hashes, so that keys collide and runs wrap around the end of a segment. */
const fewHashes = fc.constantFrom(0, 1, 62, 63, 64, 127, 0xffff_ffff, 0xffff_fffe);

it('finds exactly what was added and not removed, though hashes collide', () => {
  const step = fc.tuple(fc.constantFrom('add', 'remove', 'addIfAbsent'), fewHashes, fc.nat(120));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const index = new HashIndex();
      const model = new Map<number, number>();
      for (const [what, hash, slot] of steps) {
        const known = model.get(slot);
        if (what === 'remove') {
          expect(index.remove(hash, slot)).toBe(known === hash);
          if (known === hash) model.delete(slot);
        } else if (known === undefined) {
          if (what === 'add') index.add(hash, slot);
          else expect(index.addIfAbsent(hash, slot, (other) => other === slot)).toBe(-1);
          model.set(slot, hash);
        } else {
          expect(index.addIfAbsent(known, slot, (other) => other === slot)).toBe(slot);
        }
        expect(index.size).toBe(model.size);
      }
      for (let slot = 0; slot <= 120; slot++) {
        for (const hash of [0, 1, 62, 63, 64, 127, 0xffff_ffff, 0xffff_fffe]) {
          expect(index.find(hash, (other) => other === slot)).toBe(model.get(slot) === hash ? slot : -1);
        }
      }
    }),
  );
});

it('keeps every entry through growth', () => {
  const index = new HashIndex();
  const hash = new KeyedHash(99);
  for (let slot = 0; slot < 50_000; slot++) index.add(hash.text(`name-${slot}`), slot);
  expect(index.size).toBe(50_000);
  for (let slot = 0; slot < 50_000; slot += 2)
    expect(index.remove(hash.text(`name-${slot}`), slot)).toBe(true);
  let wrong = 0;
  for (let slot = 0; slot < 50_000; slot++) {
    const found = index.find(hash.text(`name-${slot}`), (other) => other === slot);
    if (found !== (slot % 2 === 0 ? -1 : slot)) wrong++;
  }
  expect(wrong).toBe(0);
});

it('hashes a text as its UTF-8 bytes, and otherwise under another seed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, seed) => {
      const bytes = Buffer.from(text);
      const hash = new KeyedHash(seed);
      expect(hash.text(text)).toBe(hash.bytes(bytes, 0, bytes.length));
      const shifted = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])]);
      expect(hash.bytes(shifted, 3, bytes.length)).toBe(hash.text(text));
    }),
  );
  const texts = Array.from({ length: 1000 }, (_, i) => `host-${i}`);
  const under = (seed: number): number[] => texts.map((text) => new KeyedHash(seed).text(text));
  expect(new Set(under(1)).size).toBeGreaterThan(995);
  expect(under(1).filter((hash, i) => hash === under(2)[i])).toHaveLength(0);
});
