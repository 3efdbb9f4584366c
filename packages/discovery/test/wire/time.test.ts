import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTime, isTime, parseTime } from '../../src/wire/time.ts';

describe('times on the wire', () => {
  it('are written in UTC with milliseconds', () => {
    expect(formatTime(1_893_456_000_000)).toBe('2030-01-01T00:00:00.000Z');
    expect(formatTime(1_893_456_000_001.9)).toBe('2030-01-01T00:00:00.001Z');
  });

  it.each([
    ['2030-01-01T00:00:00Z', 1_893_456_000_000],
    ['2030-01-01t00:00:00z', 1_893_456_000_000],
    ['2030-01-01T00:00:00.1Z', 1_893_456_000_100],
    ['2030-01-01T00:00:00.123456789Z', 1_893_456_000_123],
    ['2030-01-01T00:00:00+00:00', 1_893_456_000_000],
    ['2030-01-01T02:30:00+02:30', 1_893_456_000_000],
    ['2029-12-31T23:00:00-01:00', 1_893_456_000_000],
    ['1970-01-01T00:00:00Z', 0],
    ['0050-01-01T00:00:00Z', Date.parse('0050-01-01T00:00:00.000Z')],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
  ])('%s is read', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([undefined, '', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'])('%j is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
    expect(isTime(text ?? '')).toBe(true);
  });

  it.each([
    'now',
    '2030-01-01',
    '2030-01-01 00:00:00Z',
    '2030-01-01T00:00:00',
    '2030-1-1T00:00:00Z',
    '2030-02-30T00:00:00Z',
    '2030-13-01T00:00:00Z',
    '2030-01-01T24:00:00Z',
    '2030-01-01T00:00:60Z',
    '2030-01-01T00:00:00.Z',
    '2030-01-01T00:00:00+24:00',
    '2030-01-01T00:00:00Z ',
    '2030-01-01T00:00:00Z\n',
    '+02030-01-01T00:00:00Z',
  ])('%j is malformed', (text) => {
    expect(parseTime(text)).toBeUndefined();
    expect(isTime(text)).toBe(false);
  });

  it('read back what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
        expect(parseTime(formatTime(ms))).toBe(ms);
      }),
    );
  });
});
