import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../src/auth/index.ts';

const fault = (offset: number): string => `illegal base64 data at input byte ${offset}`;

describe('decodeBase64', () => {
  it('reads what an encoder writes, with line breaks anywhere', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat(),
        fc.constantFrom('\n', '\r', '\r\n'),
        (bytes, at, br) => {
          const text = Buffer.from(bytes).toString('base64');
          expect(Buffer.from(decodeBase64(text))).toEqual(Buffer.from(bytes));
          const cut = text.length === 0 ? 0 : at % text.length;
          expect(Buffer.from(decodeBase64(text.slice(0, cut) + br + text.slice(cut)))).toEqual(
            Buffer.from(bytes),
          );
        },
      ),
    );
  });

  it.each([
    ['!!!', 0],
    ['_---', 0],
    ['A', 0],
    ['AA', 0],
    ['AAA', 0],
    ['AAAAAA', 4],
    ['AA=', 3],
    ['AA=A', 2],
    ['A===', 1],
    ['=', 0],
    ['AAA=A', 4],
    ['AA==AAAA', 4],
    ['AAAA AAAA', 4],
    ['AAAAé', 4],
  ])('refuses %j and names the byte', (text, offset) => {
    expect(() => decodeBase64(text)).toThrow(fault(offset));
  });

  it('takes stray bits in the last character, as the reference decoder does', () => {
    expect([...decodeBase64('AB==')]).toEqual([0]);
  });

  it('takes the URL alphabet only where told to', () => {
    expect([...decodeBase64('_-__', 'either')]).toEqual([0xff, 0xef, 0xff]);
    expect([...decodeBase64('/+//', 'either')]).toEqual([0xff, 0xef, 0xff]);
    expect(() => decodeBase64('AAAA_-__')).toThrow(fault(4));
  });
});
