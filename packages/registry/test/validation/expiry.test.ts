import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExpiry } from '../../src/validation/index.ts';
import { formatRfc3339 } from '../../src/wire/index.ts';

const NOW = Date.UTC(2026, 7, 1, 12, 0, 0, 500);

describe('parseExpiry', () => {
  it.each(['', 'never'])('clears with "%s"', (text) => {
    expect(parseExpiry(text, NOW)).toEqual({ ok: true, value: { kind: 'never' } });
  });

  it.each([
    ['2026-08-01T12:00:01Z', Date.UTC(2026, 7, 1, 12, 0, 1)],
    ['2026-08-01T14:00:01.75+02:00', Date.UTC(2026, 7, 1, 12, 0, 1)],
    ['2036-08-01T12:00:00Z', Date.UTC(2036, 7, 1, 12)],
  ])('accepts %s', (text, time) => {
    expect(parseExpiry(text, NOW)).toEqual({ ok: true, value: { kind: 'at', unixSeconds: time / 1000 } });
  });

  it.each([
    ['2026-08-01T12:00:00.5Z', 'expires_at must be in the future'],
    ['2026-08-01T12:00:00Z', 'expires_at must be in the future'],
    ['2026-08-01T13:59:59+02:00', 'expires_at must be in the future'],
    ['0001-01-01T00:00:00Z', 'expires_at must be in the future'],
    ['2036-08-01T12:00:01Z', 'invalid expires_at: cannot exceed 10 years'],
    ['9999-12-31T23:59:59Z', 'invalid expires_at: cannot exceed 10 years'],
    [
      'Never',
      'invalid expires_at: parsing time "Never" as "2006-01-02T15:04:05Z07:00": cannot parse "Never" as "2006"',
    ],
    ['2027-02-29T00:00:00Z', 'invalid expires_at: parsing time "2027-02-29T00:00:00Z": day out of range'],
  ])('refuses %s', (text, error) => {
    expect(parseExpiry(text, NOW)).toEqual({ ok: false, error });
  });

  it('ends ten years after a leap day on the first of March', () => {
    const leapDay = Date.UTC(2028, 1, 29);
    expect(parseExpiry('2038-03-01T00:00:00Z', leapDay).ok).toBe(true);
    expect(parseExpiry('2038-03-01T00:00:01Z', leapDay).ok).toBe(false);
  });

  it('accepts every whole second of the coming ten years, and none outside', () => {
    const end = Date.UTC(2036, 7, 1, 12) / 1000;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * end }), (unixSeconds) => {
        const parsed = parseExpiry(formatRfc3339(unixSeconds), NOW);
        expect(parsed.ok).toBe(unixSeconds * 1000 > NOW && unixSeconds <= end);
        if (parsed.ok) expect(parsed.value).toEqual({ kind: 'at', unixSeconds });
      }),
    );
  });
});
