import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rfc3339ToUnixMs, unixMsToRfc3339 } from '../../src/original/index.ts';

describe('RFC 3339', () => {
  it.each([
    ['2026-08-01T12:00:00Z', '2026-08-01T12:00:00.000Z'],
    ['2026-08-01T11:00:00+02:00', '2026-08-01T09:00:00.000Z'],
    ['2026-08-01T23:59:59.999999999-00:30', '2026-08-02T00:29:59.999Z'],
    ['2024-02-29T00:00:00.1Z', '2024-02-29T00:00:00.100Z'],
    ['2000-02-29t00:00:00z', '2000-02-29T00:00:00.000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('reads %s', (text, iso) => {
    expect(rfc3339ToUnixMs(text)).toBe(Date.parse(iso));
  });

  it.each([
    '',
    'yesterday',
    '0001-01-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-08-01T24:00:00Z',
    '2026-08-01T00:60:00Z',
    '2026-08-01T00:00:60Z',
    '2026-08-01T00:00:00',
    '2026-08-01 00:00:00Z',
    '2026-08-01T00:00:00+24:00',
    '2026-08-01T00:00:00.Z',
    '20x6-08-01T00:00:00Z',
    '2026-08-01T00:00:0/Z',
  ])('has no time for %j', (text) => {
    expect(rfc3339ToUnixMs(text)).toBeUndefined();
  });

  it('agrees with the calendar of the runtime', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_799_999, max: 253_402_300_799_999 }), (unixMs) => {
        expect(rfc3339ToUnixMs(new Date(unixMs).toISOString())).toBe(unixMs);
        const seconds = unixMsToRfc3339(unixMs, 'seconds') ?? '';
        expect(rfc3339ToUnixMs(seconds)).toBe(
          seconds.startsWith('0001-01-01T00:00:00') ? undefined : Math.floor(unixMs / 1000) * 1000,
        );
        expect(rfc3339ToUnixMs(unixMsToRfc3339(unixMs, 'instant') ?? '')).toBe(unixMs);
      }),
    );
  });

  it('has no text for what it can not express', () => {
    for (const unixMs of [Number.NaN, Infinity, -62_167_219_200_001, 253_402_300_800_000]) {
      expect(unixMsToRfc3339(unixMs, 'seconds')).toBeUndefined();
    }
  });
});
