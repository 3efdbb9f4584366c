import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  hasField,
  isMessage,
  readArray,
  readBool,
  readInteger,
  readNumber,
  readObject,
  readText,
  readTextList,
  readU16,
  readU32,
} from '../../src/wire/index.ts';
import type { Message } from '../../src/wire/index.ts';
import { loadVectors } from './vectors.ts';

const { node_id_parsing: nodeIds } = loadVectors<{ node_id_parsing: { json: string; node_id: number }[] }>(
  'validation.json',
);

function message(json: string): Message {
  const decoded = decodeMessage(Buffer.from(`{"f":${json}}`));
  return decoded.ok ? decoded.message : {};
}

describe('coercion', () => {
  it.each(nodeIds)('reads the node id $json as $node_id', ({ json, node_id }) => {
    expect(readU32(message(json), 'f')).toBe(node_id);
  });

  it.each([
    ['65535', 65535],
    ['65535.5', 0],
    ['65536', 0],
    ['3.9', 3],
    ['-0.5', 0],
    ['1e999', 0],
    ['"3"', 0],
    ['[3]', 0],
    ['{}', 0],
  ])('reads the network id %s as %d', (json, expected) => {
    expect(readU16(message(json), 'f')).toBe(expected);
  });

  it('reads fields of another type as zero, empty or absent', () => {
    const sent: Message = {
      text: 'x',
      number: 7.5,
      yes: true,
      list: ['a', 1, null, 'b'],
      object: { a: 1 },
      none: null,
    };
    expect(readText(sent, 'text')).toBe('x');
    expect(readText(sent, 'number')).toBe('');
    expect(readBool(sent, 'yes')).toBe(true);
    expect(readBool(sent, 'text')).toBe(false);
    expect(readNumber(sent, 'number')).toBe(7.5);
    expect(readNumber(sent, 'text')).toBeUndefined();
    expect(readInteger(sent, 'number')).toBe(7);
    expect(readInteger({ number: -0.5 }, 'number')).toBe(0);
    expect(readInteger({ number: 2 ** 60 }, 'number')).toBeUndefined();
    expect(readTextList(sent, 'list')).toEqual(['a', 'b']);
    expect(readTextList(sent, 'object')).toBeUndefined();
    expect(readArray(sent, 'list')).toEqual(['a', 1, null, 'b']);
    expect(readArray(sent, 'none')).toBeUndefined();
    expect(readObject(sent, 'object')).toEqual({ a: 1 });
    expect(readObject(sent, 'list')).toBeUndefined();
    expect(readObject(sent, 'none')).toBeUndefined();
    expect(hasField(sent, 'none')).toBe(true);
    expect(hasField(sent, 'toString')).toBe(false);
    expect(isMessage(null)).toBe(false);
  });

  it('stays within the range for any value', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const sent: Message = { value };
        const u32 = readU32(sent, 'value');
        const u16 = readU16(sent, 'value');
        expect(Number.isInteger(u32) && u32 >= 0 && u32 <= 0xffffffff).toBe(true);
        expect(Number.isInteger(u16) && u16 >= 0 && u16 <= 0xffff).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0xffffffff, noNaN: true }), (value) => {
        expect(readU32({ value }, 'value')).toBe(Math.trunc(value) + 0);
      }),
    );
  });
});
