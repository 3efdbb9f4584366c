import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGoDuration, parseGoDuration, quote } from '../../src/wire/index.ts';

describe('quote', () => {
  // Results of the reference's %q.
  it.each([
    ['', '""'],
    ['plain text', '"plain text"'],
    ['a"b\\c', String.raw`"a\"b\\c"`],
    ['\u0007\b\f\n\r\t\v', String.raw`"\a\b\f\n\r\t\v"`],
    ['\u0000\u001f\u007f', String.raw`"\x00\x1f\x7f"`],
    ['\u0080\u00a0\u00ad', String.raw`"\u0080\u00a0\u00ad"`],
    ['\u2028\ufeff\ue000', String.raw`"\u2028\ufeff\ue000"`],
    ['café 😀 日本', '"café 😀 日本"'],
    ['\u{10ffff}\u{e0001}', String.raw`"\U0010ffff\U000e0001"`],
    ['\ud800', '"\ufffd"'],
    ["it's <b>&", `"it's <b>&"`],
  ])('quotes %j as %s', (text, expected) => {
    expect(quote(text)).toBe(expected);
  });

  it('leaves nothing that ends the quotes or the line, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const inside = quote(text).slice(1, -1);
        expect(inside.replace(/\\./g, '')).not.toMatch(/["\\\n\r\u2028\u2029\p{Cc}]/u);
      }),
    );
  });
});

describe('Go durations', () => {
  // Results of the reference: nanoseconds, and how %s prints them.
  it.each([
    ['0', 0n, '0s'],
    ['-0', 0n, '0s'],
    ['0s', 0n, '0s'],
    ['24h', 86_400_000_000_000n, '24h0m0s'],
    ['1h30m', 5_400_000_000_000n, '1h30m0s'],
    ['90s', 90_000_000_000n, '1m30s'],
    ['59s', 59_000_000_000n, '59s'],
    ['1m', 60_000_000_000n, '1m0s'],
    ['-1s', -1_000_000_000n, '-1s'],
    ['+1.5s', 1_500_000_000n, '1.5s'],
    ['1.5h', 5_400_000_000_000n, '1h30m0s'],
    ['.5m', 30_000_000_000n, '30s'],
    ['1.s', 1_000_000_000n, '1s'],
    ['1500ms', 1_500_000_000n, '1.5s'],
    ['250ms', 250_000_000n, '250ms'],
    ['1us', 1_000n, '1µs'],
    ['1.5µs', 1_500n, '1.5µs'],
    ['1μs', 1_000n, '1µs'],
    ['7ns', 7n, '7ns'],
    ['1h1ns', 3_600_000_000_001n, '1h0m0.000000001s'],
    ['9223372036854775807ns', 9_223_372_036_854_775_807n, '2562047h47m16.854775807s'],
    ['-9223372036854775808ns', -9_223_372_036_854_775_808n, '-2562047h47m16.854775808s'],
    ['00000000000000000000001s', 1_000_000_000n, '1s'],
  ])('reads %s', (text, nanoseconds, printed) => {
    expect(parseGoDuration(text)).toEqual({ ok: true, value: nanoseconds });
    expect(formatGoDuration(nanoseconds)).toBe(printed);
  });

  it.each([
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['soon', 'time: invalid duration "soon"'],
    ['1', 'time: missing unit in duration "1"'],
    ['1h1', 'time: missing unit in duration "1h1"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['1 s', 'time: unknown unit " s" in duration "1 s"'],
    ['1H', 'time: unknown unit "H" in duration "1H"'],
    ['.s', 'time: invalid duration ".s"'],
    ['1h-1m', 'time: unknown unit "h-" in duration "1h-1m"'],
    ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'],
    ['2562048h', 'time: invalid duration "2562048h"'],
    ['99999999999999999999s', 'time: invalid duration "99999999999999999999s"'],
    ['1é"\\', String.raw`time: unknown unit "\xc3\xa9\"\\" in duration "1\xc3\xa9\"\\"`],
    ['\u0001', String.raw`time: invalid duration "\x01"`],
  ])('refuses %j', (text, error) => {
    expect(parseGoDuration(text)).toEqual({ ok: false, error });
  });

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nanoseconds) => {
        expect(parseGoDuration(formatGoDuration(nanoseconds))).toEqual({ ok: true, value: nanoseconds });
      }),
    );
  });

  it('never throws', () => {
    const part = fc.constantFrom('1', '9', '.', 'h', 'ms', 'µs', '-', '+', 'd', 'é', '"', '9'.repeat(30));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const parsed = parseGoDuration(parts.join(''));
        expect(parsed.ok || parsed.error.startsWith('time: ')).toBe(true);
      }),
    );
  });
});
