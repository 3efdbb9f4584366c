import { inspect } from 'node:util';
import { seededRandom } from '@muster/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Psk } from '../../src/identity/psk.ts';

const HEX = '00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF';
const TEXT = `/key/swarm/psk/1.0.0/\n/base16/\n${HEX}\n`;

describe('Psk', () => {
  it('reads the swarm key layout with any line ends', () => {
    const bytes = Uint8Array.from(Buffer.from(HEX, 'hex'));
    for (const text of [
      TEXT,
      TEXT.trimEnd(),
      TEXT.replaceAll('\n', '\r\n'),
      TEXT.replaceAll('\n', '\r'),
      `${TEXT}\n\n`,
      TEXT.toLowerCase(),
    ]) {
      expect(Uint8Array.from(Psk.parse(text).bytes)).toEqual(bytes);
    }
  });

  it.each([
    ['nothing', ''],
    ['the key alone', HEX],
    ['another version', TEXT.replace('1.0.0', '2.0.0')],
    ['another encoding', TEXT.replace('base16', 'base64')],
    ['a digit too few', TEXT.replace('FF\n', 'F\n')],
    ['a digit too many', TEXT.replace('FF\n', 'FFF\n')],
    ['what is no digit', TEXT.replace('00', '0g')],
    ['something after the key', `${TEXT}x`],
    ['a second key', `${TEXT}${HEX}\n`],
    ['an empty first line', `\n${TEXT}`],
    ['a blank line between', TEXT.replace('\n/base16', '\n\n/base16')],
    ['spaces', TEXT.replace('/base16/', '/base16/ ')],
    ['a byte order mark', `\ufeff${TEXT}`],
  ])('refuses %s, without quoting it', (_, text) => {
    expect(() => Psk.parse(text)).toThrow(expect.objectContaining({ code: 'PSK_INVALID' }));
    try {
      Psk.parse(text);
    } catch (error) {
      expect(inspect(error)).not.toMatch(/0011|ccddee/i);
    }
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const psk = Psk.generate(seededRandom(seed));
        expect(psk.bytes).toHaveLength(32);
        expect(Uint8Array.from(Psk.parse(psk.toText()).bytes)).toEqual(Uint8Array.from(psk.bytes));
        expect(Psk.parse(psk.toText()).fingerprint).toBe(psk.fingerprint);
      }),
    );
  });

  it('refuses any other text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => Psk.parse(text)).toThrow(expect.objectContaining({ code: 'PSK_INVALID' }));
      }),
    );
  });

  it('shows a fingerprint that tells keys apart, and never the key', () => {
    const [one, other] = [Psk.generate(seededRandom(1)), Psk.generate(seededRandom(2))];
    expect(one.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(one.fingerprint).not.toBe(other.fingerprint);
    const key = Buffer.from(one.bytes).toString('hex');
    expect(JSON.stringify({ psk: one })).toBe(`{"psk":{"fingerprint":"${one.fingerprint}"}}`);
    for (const shown of [inspect(one, { depth: 9, showHidden: true }), String(one), JSON.stringify(one)]) {
      expect(shown).not.toContain(key.slice(0, 8));
    }
    one.bytes.fill(0);
    expect(Buffer.from(one.bytes).toString('hex')).toBe(key);
  });
});
