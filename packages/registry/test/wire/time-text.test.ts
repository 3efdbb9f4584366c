import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRfc3339,
  parseRfc3339,
  readRfc3339,
  RFC3339_BYTES,
  writeRfc3339,
} from '../../src/wire/index.ts';

const FIRST = Date.parse('0000-01-01T00:00:00Z') / 1000;
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
const anySecond = fc.integer({ min: FIRST, max: LAST });

describe('RFC 3339', () => {
  it('covers the years 0000 to 9999', () => {
    expect(formatRfc3339(FIRST)).toBe('0000-01-01T00:00:00Z');
    expect(formatRfc3339(FIRST - 1)).toBe('0000-01-01T00:00:00Z');
    expect(formatRfc3339(LAST)).toBe('9999-12-31T23:59:59Z');
    expect(formatRfc3339(LAST + 1)).toBe('9999-12-31T23:59:59Z');
  });

  it('formats like the runtime and reads back', () => {
    fc.assert(
      fc.property(anySecond, (unixSeconds) => {
        const text = new Date(unixSeconds * 1000).toISOString().replace('.000Z', 'Z');
        expect(formatRfc3339(unixSeconds)).toBe(text);
        expect(parseRfc3339(text)).toBe(unixSeconds * 1000);
      }),
      { numRuns: 2000 },
    );
  });

  it('rounds fractions of a second down', () => {
    expect(formatRfc3339(1785585600.999)).toBe('2026-08-01T12:00:00Z');
    expect(formatRfc3339(-0.5)).toBe('1969-12-31T23:59:59Z');
  });

  it('writes exactly its bytes', () => {
    const target = new Uint8Array(RFC3339_BYTES + 2).fill(0xee);
    expect(writeRfc3339(target, 1, 1785585600)).toBe(21);
    expect(Buffer.from(target).toString('latin1')).toBe('\u00ee2026-08-01T12:00:00Z\u00ee');
  });

  it('applies offsets and cuts fractions to milliseconds', () => {
    const noon = Date.UTC(2026, 7, 1, 12);
    expect(parseRfc3339('2026-08-01T12:00:00+00:00')).toBe(noon);
    expect(parseRfc3339('2026-08-01T17:30:00+05:30')).toBe(noon);
    expect(parseRfc3339('2026-07-31T21:00:00-15:00')).toBe(noon);
    expect(parseRfc3339('2026-08-01T12:00:00.5Z')).toBe(noon + 500);
    expect(parseRfc3339('2026-08-01T12:00:00.123456789Z')).toBe(noon + 123);
    expect(parseRfc3339('2024-02-29T00:00:00Z')).toBe(Date.UTC(2024, 1, 29));
    expect(parseRfc3339('2000-02-29T00:00:00Z')).toBe(Date.UTC(2000, 1, 29));
  });

  // Texts of the reference.
  it.each([
    ['', 'cannot parse "" as "2006"'],
    ['tomorrow', 'cannot parse "tomorrow" as "2006"'],
    ['2026', 'cannot parse "" as "-"'],
    ['2026-8-1T12:00:00Z', 'cannot parse "8-1T12:00:00Z" as "01"'],
    ['2026-08-01', 'cannot parse "" as "T"'],
    ['2026-08-01t12:00:00Z', 'cannot parse "t12:00:00Z" as "T"'],
    ['2026-08-01T12:00:00', 'cannot parse "" as "Z07:00"'],
    ['2026-08-01T12:00:00z', 'cannot parse "z" as "Z07:00"'],
    ['2026-08-01T12:00:00+0200', 'cannot parse "+0200" as "Z07:00"'],
  ])('refuses %j because it %s', (text, reason) => {
    const error = `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": ${reason}`;
    expect(readRfc3339(text)).toEqual({ ok: false, error });
  });

  it.each([
    ['2026-00-01T12:00:00Z', 'month out of range'],
    ['2026-13-01T12:00:00Z', 'month out of range'],
    ['2026-08-00T12:00:00Z', 'day out of range'],
    ['2026-08-32T12:00:00Z', 'day out of range'],
    ['2026-02-29T12:00:00Z', 'day out of range'],
    ['1900-02-29T12:00:00Z', 'day out of range'],
    ['2026-04-31T12:00:00Z', 'day out of range'],
    ['2026-08-01T24:00:00Z', 'hour out of range'],
    ['2026-08-01T12:60:00Z', 'minute out of range'],
    ['2026-08-01T12:00:60Z', 'second out of range'],
    ['2026-08-01T12:00:00+25:00', 'time zone offset out of range'],
    ['2026-08-01T12:00:00+01:61', 'time zone offset out of range'],
    ['2026-08-01T12:00:00Z ', 'extra text: " "'],
  ])('refuses %s: %s', (text, reason) => {
    expect(readRfc3339(text)).toEqual({ ok: false, error: `parsing time "${text}": ${reason}` });
    expect(parseRfc3339(text)).toBeUndefined();
  });

  it('refuses more than nine digits and a fraction without digits', () => {
    expect(parseRfc3339('2026-08-01T12:00:00.1234567890Z')).toBeUndefined();
    expect(parseRfc3339('2026-08-01T12:00:00.Z')).toBeUndefined();
  });

  it('never throws, and agrees with the runtime on days that exist', () => {
    const day = fc
      .tuple(fc.nat(9999), fc.nat(14), fc.nat(33))
      .map(
        ([year, month, date]) =>
          `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`,
      );
    fc.assert(
      fc.property(day, (date) => {
        const text = `${date}T00:00:00Z`;
        const time = Date.parse(text);
        const exists = !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
        expect(parseRfc3339(text)).toBe(exists ? time : undefined);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.string(), (text) => typeof readRfc3339(text).ok === 'boolean'));
  });
});
