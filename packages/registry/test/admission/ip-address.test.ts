import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLoopback, parseIp } from '../../src/admission/index.ts';
import { prefixKey } from '../../src/admission/ip-address.ts';

describe('addresses', () => {
  test.each([
    ['192.0.2.1', [0xc000, 0x0201]],
    ['::ffff:192.0.2.1', [0xc000, 0x0201]],
    ['::FFFF:c000:201', [0xc000, 0x0201]],
    ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
    ['fe80::1%eth0', [0xfe80, 0, 0, 0, 0, 0, 0, 1]],
    ['2001:db8:1:2:3:4:5:6', [0x2001, 0xdb8, 1, 2, 3, 4, 5, 6]],
    ['1:2:3:4:5:6:1.2.3.4', [1, 2, 3, 4, 5, 6, 0x0102, 0x0304]],
  ])('%s', (text, words) => {
    expect(parseIp(text)).toEqual(words);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7::8',
    'host',
    '1.2.3.4::',
    '::1.2.3',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('agrees with the runtime about what an address is', () => {
    const group = fc.oneof(
      fc.integer({ min: 0, max: 0x1ffff }).map((value) => value.toString(16)),
      fc.constantFrom('', '0', '1.2.3.4', '::'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.array(group, { maxLength: 9 }).map((groups) => groups.join(':')),
        ),
        (text) => {
          expect(parseIp(text) !== undefined).toBe(isIP(text) !== 0);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['127.0.0.1', true],
    ['127.255.0.9', true],
    ['::ffff:127.0.0.1', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['::2', false],
    ['1::1', false],
  ])('%s is loopback: %s', (text, loopback) => {
    expect(isLoopback(parseIp(text) ?? [])).toBe(loopback);
  });

  test('a prefix key is equal exactly within the prefix', () => {
    const word = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 0, max: 128 }),
        fc.integer({ min: 0, max: 127 }),
        (words, bits, flipped) => {
          const other = words.map((value, index) =>
            index === flipped >> 4 ? value ^ (0x8000 >>> (flipped & 15)) : value,
          );
          expect(prefixKey(words, bits) === prefixKey(other, bits)).toBe(flipped >= bits);
        },
      ),
    );
    expect(prefixKey([0, 0], 0)).not.toBe(prefixKey([0, 0, 0, 0, 0, 0, 0, 0], 0));
  });
});
